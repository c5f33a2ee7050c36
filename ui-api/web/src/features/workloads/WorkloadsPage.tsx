import { Link, useNavigate } from "@tanstack/react-router";
import { query, type Schemas } from "@/api/client";
import { flags, queryString, TextFilter } from "@/shared/Filters";
import { Empty, Loaded, Page } from "@/shared/Page";
import { PAGED, rowsOf } from "@/shared/paging";
import { Table, type Column } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { workloadsRoute } from "./routes";

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
  const navigate = useNavigate({ from: workloadsRoute.fullPath });
  const set = (change: typeof search): void => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const asked = { ...search, order_by: search.order_by as "name" | undefined, page_size: 500 };
  const list = query.useInfiniteQuery("get", "/v1/workloads", { params: { query: asked } }, PAGED);
  const rows = rowsOf(list.data);
  const filtered = Object.values(search).some(Boolean);
  return (
    <Page
      title="Workloads"
      readAt={list.dataUpdatedAt}
      equivalent={{ cli: `workloads list${flags(search)}`, request: `GET /v1/workloads${queryString(search)}`, data: rows, rows, name: "workloads" }}
    >
      <div className="filters">
        <TextFilter label="Name" value={search.name} onChange={(name) => set({ name })} />
        <TextFilter label="Mesh" value={search.mesh} onChange={(mesh) => set({ mesh })} />
        <TextFilter label="Namespace" value={search.namespace} onChange={(namespace) => set({ namespace })} />
        <TextFilter label="Service" value={search.service} onChange={(service) => set({ service })} />
        <TextFilter label="Version" value={search.version} onChange={(version) => set({ version })} />
      </div>
      <Loaded of={list}>
        {() => (
          <Table
            label="Workloads"
            rows={rows}
            columns={COLUMNS}
            keyOf={(row) => row.id}
            order={search.order_by}
            onOrder={(order_by) => set({ order_by })}
            onEnd={() => list.hasNextPage && !list.isFetchingNextPage && void list.fetchNextPage()}
            empty={
              filtered ? (
                <Empty title="No workload matches these filters."><Link to="/workloads" search={{}}>Show all</Link></Empty>
              ) : (
                <Empty title="No workload is in a mesh yet." command="meshwright workloads enrol --namespace shop --restart --wait" />
              )
            }
          />
        )}
      </Loaded>
    </Page>
  );
}
