/** The platforms where meshes run: add, test, see what we may do there. */
import { getRouteApi } from "@tanstack/react-router";
import { query, type Schemas } from "@/api/client";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded } from "@/shared/Page";
import { State } from "@/shared/State";
import { Table, type Column } from "@/shared/Table";
import { ConnectionDialog } from "./ConnectionDialog";
import { ConnectionPanel } from "./ConnectionPanel";

const settingsRoute = getRouteApi("/settings");

type Connection = Schemas["Connection"];

export function Connections() {
  const { name, dialog } = settingsRoute.useSearch();
  const navigate = settingsRoute.useNavigate();
  const show = (change: { name?: string; dialog?: string }): void =>
    void navigate({ search: { section: "connections", ...change }, replace: true });
  const list = query.useQuery("get", "/v1/connections", { params: { query: { page_size: 200 } } });
  const columns: Column<Connection>[] = [
    { id: "id", head: "Connection", cell: (row) => <button type="button" className="link name" onClick={() => show({ name: row.id })}>{row.id}</button> },
    { id: "kind", head: "Kind", cell: (row) => row.kind },
    { id: "state", head: "Seen", cell: (row) => (row.kind === "kubernetes" ? <Seen id={row.id} /> : <span className="soft">–</span>) },
    { id: "description", head: "Description", cell: (row) => <span className="name">{row.description}</span>, optional: true },
  ];
  return (
    <>
      <div className="row end"><Guarded role="admin" tone="primary" onClick={() => show({ dialog: "add" })}>Add a connection</Guarded></div>
      <Loaded of={list}>
        {({ items }) => (
          <Table
            label="Connections"
            rows={items}
            columns={columns}
            keyOf={(row) => row.id}
            empty={<Empty title="No connection yet." command="meshwright connections add prod --kubeconfig ~/.kube/config --context prod" />}
          />
        )}
      </Loaded>
      {name && <ConnectionPanel id={name} onClose={() => show({})} />}
      {dialog === "add" && <ConnectionDialog onClose={() => show({})} />}
    </>
  );
}

function Seen({ id }: { id: string }) {
  const read = query.useQuery("get", "/v1/connections/{id}/status", { params: { path: { id } } }, { retry: false });
  if (!read.data) return <span className="soft">not watched</span>;
  const failing = read.data.conditions.find((each) => each.status !== "True");
  return failing ? <State state={failing.reason || failing.type} tone="failing" /> : <State state="ok">{read.data.resources} objects</State>;
}
