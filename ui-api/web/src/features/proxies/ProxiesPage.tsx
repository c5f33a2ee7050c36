import { Empty, Page } from "@/shared/Page";

export function ProxiesPage() {
  return (
    <Page title="Proxies" equivalent={{ cli: "proxies", request: "GET /v1/proxies" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
