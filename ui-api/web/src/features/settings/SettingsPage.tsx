import { getRouteApi } from "@tanstack/react-router";
import { useSession } from "@/api/session";
import { Tabs } from "@/shared/Tabs";
import { Page } from "@/shared/Page";
import { Adapters } from "./Adapters";
import { Connections } from "./Connections";
import { System } from "./System";
import { Tokens } from "./Tokens";
import { Webhooks } from "./Webhooks";
import { Workspaces } from "./Workspaces";

const settingsRoute = getRouteApi("/settings");

const EQUIVALENT: Record<string, { cli: string; request: string }> = {
  connections: { cli: "connections list", request: "GET /v1/connections" },
  adapters: { cli: "adapters list", request: "GET /v1/adapters" },
  webhooks: { cli: "webhooks list", request: "GET /v1/webhooks" },
  tokens: { cli: "tokens list", request: "GET /v1/tokens" },
  workspaces: { cli: "workspaces list", request: "GET /v1/workspaces" },
  system: { cli: "check", request: "GET /readyz" },
};

export function SettingsPage() {
  const { section = "connections" } = settingsRoute.useSearch();
  const navigate = settingsRoute.useNavigate();
  const { principal } = useSession();
  const admin = principal.role === "admin";
  const tabs = [
    { id: "connections", title: "Connections", content: <Connections /> },
    { id: "adapters", title: "Adapters", content: <Adapters /> },
    { id: "webhooks", title: "Webhooks", content: <Webhooks /> },
    ...(admin ? [{ id: "tokens", title: "Tokens", content: <Tokens /> }] : []),
    { id: "workspaces", title: "Workspaces", content: <Workspaces /> },
    { id: "system", title: "System", content: <System /> },
  ];
  return (
    <Page title="Settings" equivalent={EQUIVALENT[section] ?? { cli: "check", request: "GET /readyz" }}>
      <Tabs label="Sections" value={section} onChange={(next) => void navigate({ search: { section: next }, replace: true })} tabs={tabs} />
    </Page>
  );
}
