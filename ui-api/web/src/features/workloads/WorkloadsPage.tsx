import { getRouteApi, Link } from "@tanstack/react-router";
import { query, type Schemas } from "@/api/client";
import { TextFilter } from "@/shared/Filters";
import { ListPage } from "@/shared/ListPage";
import { PAGED } from "@/shared/paging";
import type { Column } from "@/shared/Table";
import { Time } from "@/shared/Time";

const workloadsRoute = getRouteApi("/workloads");

type Workload = Schemas["Workload"];

export const COLUMNS: Column<Workload>[] = [
  {
    id: "name",
    head: "Workload",
    sort: "name",
    cell: (row) => <Link to="/workloads/$workload" params={{ workload: row.id }} className="name">{row.name}</Link>,
  },
  { id: "namespace", head: "Namespace", cell: (row) => <span className="name">{row.namespace}</span>, optional: true, when: (row) => row.namespace },
  { id: "service", head: "Service", sort: "service", cell: (row) => <span className="name">{row.service}</span> },
  { id: "version", head: "Version", cell: (row) => <span className="name">{row.version}</span> },
  { id: "kind", head: "Kind", cell: (row) => row.kind, optional: true },
  { id: "mesh", head: "Mesh", cell: (row) => <Link to="/meshes/$mesh" params={{ mesh: row.mesh }}>{row.mesh}</Link>, optional: true },
  { id: "seen", head: "Observed", cell: (row) => <Time at={row.observed_at} />, align: "end", optional: true },
];

export function WorkloadsPage() {
  const search = workloadsRoute.useSearch();
  const navigate = workloadsRoute.useNavigate();
  const set = (change: typeof search): void => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const asked = { ...search, order_by: search.order_by as "name" | undefined, page_size: 500 };
  const list = query.useInfiniteQuery("get", "/v1/workloads", { params: { query: asked } }, PAGED);
  return (
    <ListPage
      title="Workloads"
      name="workloads"
      search={search}
      set={set}
      list={list}
      columns={COLUMNS}
      keyOf={(row) => row.id}
      filters={
        <>
          <TextFilter label="Name" value={search.name} onChange={(name) => set({ name })} />
          <TextFilter label="Mesh" value={search.mesh} onChange={(mesh) => set({ mesh })} />
          <TextFilter label="Namespace" value={search.namespace} onChange={(namespace) => set({ namespace })} />
          <TextFilter label="Service" value={search.service} onChange={(service) => set({ service })} />
          <TextFilter label="Version" value={search.version} onChange={(version) => set({ version })} />
        </>
      }
      unmatched="No workload matches these filters."
      all={<Link to="/workloads" search={{}}>Show all</Link>}
      none={{ title: "No workload is in a mesh yet.", command: "meshwright workloads enrol --namespace shop --restart --wait" }}
    />
  );
}
