import { getRouteApi, Link } from "@tanstack/react-router";
import { query, type Schemas } from "@/api/client";
import { ChoiceFilter, TextFilter } from "@/shared/Filters";
import { Guarded } from "@/shared/Guarded";
import { ListPage } from "@/shared/ListPage";
import { PAGED } from "@/shared/paging";
import { State } from "@/shared/State";
import type { Column } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { DetectDialog } from "./DetectDialog";
import { InstallDialog } from "./InstallDialog";

const meshesRoute = getRouteApi("/meshes");

type Mesh = Schemas["Mesh"];
const STATES = ["installing", "ready", "degraded", "removing", "unknown"] as const;

const COLUMNS: Column<Mesh>[] = [
  { id: "state", head: "State", sort: "state", cell: (row) => <State state={row.state} />, width: "9rem" },
  { id: "id", head: "Mesh", sort: "id", cell: (row) => <Link to="/meshes/$mesh" params={{ mesh: row.id }} className="name">{row.id}</Link> },
  { id: "kind", head: "Kind", sort: "kind", cell: (row) => `${row.kind} ${row.version}` },
  { id: "connection", head: "Connection", cell: (row) => row.connection, optional: true },
  { id: "workloads", head: "Workloads", cell: (row) => row.workloads, align: "end" },
  { id: "proxies", head: "Proxies", cell: (row) => row.proxies, align: "end", optional: true },
  { id: "seen", head: "Observed", cell: (row) => <Time at={row.observed_at} />, align: "end", optional: true },
];

export function MeshesPage() {
  const { dialog, ...search } = meshesRoute.useSearch();
  const navigate = meshesRoute.useNavigate();
  const set = (change: ReturnType<typeof meshesRoute.useSearch>): void =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const asked = { ...search, state: search.state as Mesh["state"] | undefined, order_by: search.order_by as "id" | undefined, page_size: 100 };
  const list = query.useInfiniteQuery("get", "/v1/meshes", { params: { query: asked } }, PAGED);
  return (
    <>
      <ListPage
        title="Meshes"
        name="meshes"
        search={search}
        set={set}
        list={list}
        columns={COLUMNS}
        keyOf={(row) => row.id}
        actions={
          <>
            <Guarded role="operator" onClick={() => set({ dialog: "detect" })}>Detect</Guarded>
            <Guarded role="operator" tone="primary" onClick={() => set({ dialog: "install" })}>Install</Guarded>
          </>
        }
        filters={
          <>
            <ChoiceFilter label="State" value={search.state} choices={STATES} onChange={(state) => set({ state })} />
            <TextFilter label="Kind" value={search.kind} onChange={(kind) => set({ kind })} />
            <TextFilter label="Connection" value={search.connection} onChange={(connection) => set({ connection })} />
          </>
        }
        unmatched="No mesh matches these filters."
        all={<Link to="/meshes" search={{}}>Show all</Link>}
        none={{ title: "No mesh is managed here.", command: "meshwright meshes install istio --connection prod --profile ambient --wait" }}
      />
      {dialog === "install" && <InstallDialog onClose={() => set({ dialog: undefined })} />}
      {dialog === "detect" && <DetectDialog onClose={() => set({ dialog: undefined })} />}
    </>
  );
}
