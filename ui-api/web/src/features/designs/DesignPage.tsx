import { Empty, Page } from "@/shared/Page";

export function DesignPage() {
  return (
    <Page title="Design" equivalent={{ cli: "designs", request: "GET /v1/designs" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
