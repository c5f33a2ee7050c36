import { Empty, Page } from "@/shared/Page";

export function SettingsPage() {
  return (
    <Page title="Settings" equivalent={{ cli: "settings", request: "GET /v1/settings" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
