import { getRouteApi, Link } from "@tanstack/react-router";
import { query, type Schemas } from "@/api/client";
import { ChoiceFilter, TextFilter } from "@/shared/Filters";
import { ListPage } from "@/shared/ListPage";
import { PAGED } from "@/shared/paging";
import { State } from "@/shared/State";
import type { Column } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { Took } from "./Took";

const operationsRoute = getRouteApi("/operations");

type Operation = Schemas["Operation"];
type Filters = ReturnType<typeof operationsRoute.useSearch>;
const STATES = ["accepted", "queued", "waiting", "running", "succeeded", "failed", "cancelled", "timed_out", "dead_lettered"] as const;

const COLUMNS: Column<Operation>[] = [
  { id: "state", head: "State", cell: (row) => <State state={row.state} />, width: "9rem" },
  {
    id: "kind",
    head: "Operation",
    cell: (row) => <Link to="/operations/$operation" params={{ operation: row.id }}>{row.title || row.kind || "unreadable command"}</Link>,
  },
  { id: "mesh", head: "Mesh", cell: (row) => row.mesh && <Link to="/meshes/$mesh" params={{ mesh: row.mesh }}>{row.mesh}</Link> },
  { id: "progress", head: "Detail", cell: (row) => <span className="name">{row.failure?.what ?? (row.done ? row.reason : row.progress)}</span>, optional: true },
  { id: "principal", head: "By", cell: (row) => row.principal, optional: true },
  { id: "accepted", head: "Began", cell: (row) => <Time at={row.accepted_at} />, sort: "accepted_at", align: "end" },
  { id: "took", head: "Took", cell: (row) => <Took operation={row} />, align: "end", optional: true },
];

export function OperationsPage() {
  const search = operationsRoute.useSearch();
  const navigate = operationsRoute.useNavigate();
  const set = (change: Filters): void => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const { state, order_by, ...others } = search;
  const filter = { ...others, state: state as Operation["state"] | undefined, order_by: order_by as "accepted_at" | undefined };
  const list = query.useInfiniteQuery("get", "/v1/operations", { params: { query: { ...filter, page_size: 100 } } }, PAGED);
  return (
    <ListPage
      title="Operations"
      name="operations"
      search={search}
      set={set}
      list={list}
      columns={COLUMNS}
      keyOf={(row) => row.id}
      order="accepted_at desc"
      actions={<Link to="/deadletters" className="button">Dead letters</Link>}
      filters={
        <>
          <ChoiceFilter label="State" value={state} choices={STATES} onChange={(value) => set({ state: value })} />
          <TextFilter label="Kind" value={search.kind} placeholder="design.apply" onChange={(kind) => set({ kind })} />
          <TextFilter label="Mesh" value={search.mesh} onChange={(mesh) => set({ mesh })} />
          <TextFilter label="By" value={search.principal} onChange={(principal) => set({ principal })} />
          <TextFilter label="Trace" value={search.trace_id} onChange={(trace_id) => set({ trace_id })} />
        </>
      }
      unmatched="No operation matches these filters."
      all={<Link to="/operations" search={{}}>Show all</Link>}
      none={{ title: "Nothing has been done yet.", command: "meshwright apply canary.yaml --mesh demo --wait" }}
    />
  );
}
