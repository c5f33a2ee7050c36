import { Empty, Page } from "@/shared/Page";

export function TopologyPage() {
  return (
    <Page title="Topology" equivalent={{ cli: "topology", request: "GET /v1/topology" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
