import { Empty, Page } from "@/shared/Page";

export function DesignsPage() {
  return (
    <Page title="Designs" equivalent={{ cli: "designs", request: "GET /v1/designs" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
