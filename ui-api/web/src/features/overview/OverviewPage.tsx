import { Empty, Page } from "@/shared/Page";

export function OverviewPage() {
  return (
    <Page title="Overview" equivalent={{ cli: "overview", request: "GET /v1/overview" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
