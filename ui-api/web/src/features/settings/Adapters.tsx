/** The adapters: versions, running workers, what they handle, and whether two versions run side by side. */
import { query, type Schemas } from "@/api/client";
import { Empty, Loaded } from "@/shared/Page";
import { State } from "@/shared/State";
import { Table, type Column } from "@/shared/Table";

type Adapter = Schemas["Adapter"];

const COLUMNS: Column<Adapter>[] = [
  { id: "state", head: "State", cell: (row) => <State state={row.failure ? "failing" : row.instances.length ? "up" : "lost"}>{row.failure ? "failed" : row.instances.length ? "running" : "no worker"}</State> },
  { id: "id", head: "Adapter", cell: (row) => <strong>{row.id}</strong> },
  { id: "version", head: "Version", cell: (row) => row.version },
  { id: "contract", head: "Contract", cell: (row) => row.contract, align: "end", optional: true },
  { id: "meshes", head: "Meshes", cell: (row) => row.meshes.join(", ") },
  { id: "instances", head: "Workers", cell: (row) => <span title={row.instances.join("\n")}>{row.instances.length}</span>, align: "end" },
  { id: "operations", head: "Operations", cell: (row) => <span title={row.operations.map((each) => each.name).join("\n")}>{row.operations.length}</span>, align: "end", optional: true },
  { id: "intents", head: "Intents", cell: (row) => `${row.intents.filter((each) => each.supported).length} of ${row.intents.length}`, align: "end", optional: true },
  { id: "failure", head: "", cell: (row) => <span className="name">{row.failure}</span>, optional: true },
];

export function Adapters() {
  const list = query.useQuery("get", "/v1/adapters", { params: { query: { page_size: 100 } } });
  return (
    <Loaded of={list}>
      {({ items }) => <Table label="Adapters" rows={items} columns={COLUMNS} keyOf={(row) => row.id} empty={<Empty title="No adapter has announced itself." command="meshwright-adapter istio" />} />}
    </Loaded>
  );
}
