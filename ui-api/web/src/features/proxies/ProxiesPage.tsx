import { getRouteApi, Link } from "@tanstack/react-router";
import { query, type Schemas } from "@/api/client";
import { ChoiceFilter, TextFilter } from "@/shared/Filters";
import { ListPage } from "@/shared/ListPage";
import { PAGED } from "@/shared/paging";
import { State } from "@/shared/State";
import type { Column } from "@/shared/Table";
import { Time } from "@/shared/Time";

const proxiesRoute = getRouteApi("/proxies");

type Proxy = Schemas["Proxy"];
export const STATES = ["synced", "stale", "rejected", "disconnected", "not_sent"] as const;

export const COLUMNS: Column<Proxy>[] = [
  { id: "state", head: "State", sort: "state", cell: (row) => <State state={row.state} />, width: "9rem" },
  { id: "name", head: "Proxy", cell: (row) => <Link to="/proxies/$proxy" params={{ proxy: row.id }} className="name">{row.name}</Link> },
  { id: "namespace", head: "Namespace", cell: (row) => <span className="name">{row.namespace}</span>, optional: true, when: (row) => row.namespace },
  { id: "mesh", head: "Mesh", cell: (row) => <Link to="/meshes/$mesh" params={{ mesh: row.mesh }}>{row.mesh}</Link>, optional: true },
  { id: "mode", head: "Mode", cell: (row) => row.mode, optional: true, when: (row) => row.mode },
  { id: "error", head: "Message", cell: (row) => <span className="name" title={row.error}>{row.error}</span>, when: (row) => row.error },
  { id: "certificate", head: "Certificate ends", cell: (row) => <Time at={row.certificate?.not_after} />, align: "end", optional: true },
  { id: "seen", head: "Observed", cell: (row) => <Time at={row.observed_at} />, align: "end", optional: true },
];

export function ProxiesPage() {
  const search = proxiesRoute.useSearch();
  const navigate = proxiesRoute.useNavigate();
  const set = (change: typeof search): void => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const asked = { ...search, state: search.state as Proxy["state"] | undefined, order_by: search.order_by as "state" | undefined, page_size: 500 };
  const list = query.useInfiniteQuery("get", "/v1/proxies", { params: { query: asked } }, PAGED);
  return (
    <ListPage
      title="Proxies"
      name="proxies"
      search={search}
      set={set}
      list={list}
      columns={COLUMNS}
      keyOf={(row) => row.id}
      filters={
        <>
          <ChoiceFilter label="State" value={search.state} choices={STATES} onChange={(state) => set({ state })} />
          <TextFilter label="Name" value={search.name} onChange={(name) => set({ name })} />
          <TextFilter label="Mesh" value={search.mesh} onChange={(mesh) => set({ mesh })} />
          <TextFilter label="Namespace" value={search.namespace} onChange={(namespace) => set({ namespace })} />
        </>
      }
      unmatched="No proxy matches these filters."
      all={<Link to="/proxies" search={{}}>Show all</Link>}
      none={{ title: "No proxy has been seen yet.", command: "meshwright workloads enrol --namespace shop --restart --wait" }}
    />
  );
}
