import { getRouteApi, Link } from "@tanstack/react-router";
import { query, type Schemas } from "@/api/client";
import { Guarded } from "@/shared/Guarded";
import { ListPage } from "@/shared/ListPage";
import { PAGED } from "@/shared/paging";
import { State } from "@/shared/State";
import type { Column } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { ImportDialog } from "./ImportDialog";
import { NewDialog } from "./NewDialog";

const designsRoute = getRouteApi("/designs");

type Design = Schemas["Design"];

/** What is known of a design beside itself: where it is applied, and where that has drifted. */
function columnsOf(releases: Schemas["Release"][], drift: Schemas["Drift"][]): Column<Design>[] {
  const of = (design: Design): Schemas["Release"][] => releases.filter((each) => each.design.id === design.id);
  const differs = (design: Design, mesh: string): boolean => drift.some((each) => each.design === design.id && each.mesh === mesh);
  return [
    { id: "id", head: "Design", cell: (row) => <Link to="/designs/$design" params={{ design: row.id }} className="name">{row.id}</Link> },
    { id: "intents", head: "Intents", cell: (row) => <span className="wrap">{[...new Set(row.intents.map((each) => each.intent))].join(", ")}</span> },
    {
      id: "where",
      head: "Applied to",
      cell: (row) => (
        <span className="row">
          {of(row).map(({ id, mesh }) =>
            differs(row, mesh) ? <State key={id} state="drifted">{mesh} differs</State> : <State key={id} state="applied" tone="ok">{mesh}</State>,
          )}
          {!of(row).length && <span className="soft">nowhere</span>}
        </span>
      ),
    },
    { id: "when", head: "Last applied", cell: (row) => <Time at={of(row)[0]?.applied_at} />, optional: true },
    { id: "who", head: "By", cell: (row) => of(row)[0]?.principal ?? "", optional: true },
    { id: "description", head: "Description", cell: (row) => <span className="name">{row.description}</span>, optional: true, when: (row) => row.description },
  ];
}

export function DesignsPage() {
  const { dialog } = designsRoute.useSearch();
  const navigate = designsRoute.useNavigate();
  const show = (next: string | undefined): void => void navigate({ search: { dialog: next }, replace: true });
  const list = query.useInfiniteQuery("get", "/v1/designs", { params: { query: { page_size: 200 } } }, PAGED);
  const releases = query.useQuery("get", "/v1/releases", { params: { query: { state: "applied", page_size: 500 } } });
  const drift = query.useQuery("get", "/v1/drift", { params: { query: { page_size: 500 } } });
  const columns = columnsOf(releases.data?.items ?? [], drift.data?.items ?? []);
  return (
    <>
      <ListPage
        title="Designs"
        name="designs"
        search={{}}
        set={() => undefined}
        list={list}
        columns={columns}
        keyOf={(row) => row.id}
        actions={
          <>
            <Guarded role="operator" onClick={() => show("import")}>Import YAML</Guarded>
            <Guarded role="operator" tone="primary" onClick={() => show("new")}>New design</Guarded>
          </>
        }
        none={{ title: "No design has been saved.", command: "meshwright apply canary.yaml --mesh demo --wait" }}
      />
      {dialog === "new" && <NewDialog onClose={() => show(undefined)} />}
      {dialog === "import" && <ImportDialog onClose={() => show(undefined)} />}
    </>
  );
}
