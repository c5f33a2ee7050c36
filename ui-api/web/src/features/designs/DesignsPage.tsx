import { getRouteApi, Link } from "@tanstack/react-router";
import { query, type Schemas } from "@/api/client";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded, Page } from "@/shared/Page";
import { PAGED, rowsOf } from "@/shared/paging";
import { State } from "@/shared/State";
import { Table, type Column } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { ImportDialog } from "./ImportDialog";
import { NewDialog } from "./NewDialog";

const designsRoute = getRouteApi("/designs");

type Row = Schemas["Design"] & { releases: Schemas["Release"][]; drifted: string[] };

const COLUMNS: Column<Row>[] = [
  { id: "id", head: "Design", cell: (row) => <Link to="/designs/$design" params={{ design: row.id }} className="name">{row.id}</Link> },
  { id: "intents", head: "Intents", cell: (row) => <span className="wrap">{[...new Set(row.intents.map((each) => each.intent))].join(", ")}</span> },
  {
    id: "where",
    head: "Applied to",
    cell: (row) => (
      <span className="row">
        {row.releases.map((each) => (
          <State key={each.id} state={row.drifted.includes(each.mesh) ? "drifted" : "applied"} tone={row.drifted.includes(each.mesh) ? "warning" : "ok"}>
            {each.mesh}{row.drifted.includes(each.mesh) && " differs"}
          </State>
        ))}
        {!row.releases.length && <span className="soft">nowhere</span>}
      </span>
    ),
  },
  { id: "when", head: "Last applied", cell: (row) => <Time at={row.releases[0]?.applied_at} />, optional: true },
  { id: "who", head: "By", cell: (row) => row.releases[0]?.principal ?? "", optional: true },
  { id: "description", head: "Description", cell: (row) => <span className="name">{row.description}</span>, optional: true, when: (row) => row.description },
];

export function DesignsPage() {
  const { dialog } = designsRoute.useSearch();
  const navigate = designsRoute.useNavigate();
  const show = (next: string | undefined): void => void navigate({ search: { dialog: next }, replace: true });
  const list = query.useInfiniteQuery("get", "/v1/designs", { params: { query: { page_size: 200 } } }, PAGED);
  const releases = query.useQuery("get", "/v1/releases", { params: { query: { state: "applied", page_size: 500 } } });
  const drift = query.useQuery("get", "/v1/drift", { params: { query: { page_size: 500 } } });
  const rows = rowsOf(list.data).map(
    (design): Row => ({
      ...design,
      releases: releases.data?.items.filter((each) => each.design.id === design.id) ?? [],
      drifted: drift.data?.items.filter((each) => each.design === design.id).map((each) => each.mesh) ?? [],
    }),
  );
  return (
    <Page
      title="Designs"
      readAt={list.dataUpdatedAt}
      actions={
        <>
          <Guarded role="operator" onClick={() => show("import")}>Import YAML</Guarded>
          <Guarded role="operator" tone="primary" onClick={() => show("new")}>New design</Guarded>
        </>
      }
      equivalent={{ cli: "designs list", request: "GET /v1/designs", data: rowsOf(list.data), name: "designs" }}
    >
      <Loaded of={list}>
        {() => (
          <Table
            label="Designs"
            rows={rows}
            columns={COLUMNS}
            keyOf={(row) => row.id}
            onEnd={() => list.hasNextPage && void list.fetchNextPage()}
            empty={<Empty title="No design has been saved." command="meshwright apply canary.yaml --mesh demo --wait" />}
          />
        )}
      </Loaded>
      {dialog === "new" && <NewDialog onClose={() => show(undefined)} />}
      {dialog === "import" && <ImportDialog onClose={() => show(undefined)} />}
    </Page>
  );
}
