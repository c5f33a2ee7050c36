import { Empty, Page } from "@/shared/Page";

export function ProxyPage() {
  return (
    <Page title="Proxy" equivalent={{ cli: "proxies", request: "GET /v1/proxies" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
