import { Empty, Page } from "@/shared/Page";

export function WorkloadsPage() {
  return (
    <Page title="Workloads" equivalent={{ cli: "workloads", request: "GET /v1/workloads" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
