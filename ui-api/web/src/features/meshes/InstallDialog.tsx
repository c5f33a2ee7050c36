/** Installs a mesh: the fields are those that the adapter announces for it. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, begun, query, sending, type Schemas } from "@/api/client";
import { Loaded } from "@/shared/Page";
import { flags } from "@/shared/Filters";
import { compact, fieldsOf } from "@/shared/schema";
import { SchemaForm } from "@/shared/SchemaForm";
import { NameField } from "@/shared/NameField";
import { argumentsOf } from "./announced";
import { OperationDialog } from "@/shared/OperationDialog";

export function InstallDialog({ onClose }: { onClose(): void }) {
  const adapters = query.useQuery("get", "/v1/adapters", { params: { query: { page_size: 100 } } });
  const connections = query.useQuery("get", "/v1/connections", { params: { query: { page_size: 200 } } });
  return (
    <Loaded of={adapters}>
      {({ items }) => <Form adapters={items} connections={connections.data?.items ?? []} onClose={onClose} />}
    </Loaded>
  );
}

type Adapter = Schemas["Adapter"];

function Form({ adapters, connections, onClose }: { adapters: Adapter[]; connections: { id: string; kind: string }[]; onClose(): void }) {
  const kinds = [...new Set(adapters.flatMap((each) => each.meshes))].sort();
  const [kind, setKind] = useState(kinds[0] ?? "");
  const [name, setName] = useState("");
  const [connection, setConnection] = useState("");
  const [values, setValues] = useState<Record<string, unknown>>({});
  const [own, setOwn] = useState<Record<string, unknown>>({});
  const navigate = useNavigate();
  const adapter = adapters.find((each) => each.meshes.includes(kind));
  const usable = connections.filter((each) => adapter?.connections?.some((support) => support.kind === each.kind));
  const fields = fieldsOf(argumentsOf(adapter, "mesh.install"), undefined, ["values"]);
  const ownFields = fieldsOf(adapter?.values ?? {});
  const said = { connection: connection || (usable[0]?.id ?? ""), ...compact(values, fields) };
  const further = compact(own, ownFields);
  const body = { id: name, kind, ...said, values: further };

  const send = async (preview: boolean, reason: string): Promise<unknown> => {
    const { data } = await api.POST("/v1/meshes", { params: { query: { validate_only: preview, reason } }, body: sending<Schemas["CreateMesh"]>(body as object) });
    if (!preview) await navigate({ to: "/operations/$operation", params: { operation: begun(data) } });
    return data;
  };
  return (
    <OperationDialog
      title="Install a mesh"
      action="Install"
      cli={`meshes install ${name || "NAME"} --kind ${kind}${flags(said)}${Object.keys(further).length ? " --values FILE" : ""}`}
      request="POST /v1/meshes"
      body={body}
      onSend={send}
      onClose={onClose}
    >
      <div className="fields">
      <label>
        Kind
        <select value={kind} onChange={(event) => setKind(event.target.value)}>{kinds.map((each) => <option key={each}>{each}</option>)}</select>
      </label>
      <NameField value={name} onChange={setName} />
      <label>
        Connection *
        <select value={body.connection} onChange={(event) => setConnection(event.target.value)}>
          {usable.map((each) => <option key={each.id} value={each.id}>{each.id} ({each.kind})</option>)}
        </select>
        {!usable.length && <span className="soft">No connection can hold a mesh of this kind. Add one under Settings.</span>}
      </label>
      </div>
      <SchemaForm fields={fields} values={values} onChange={setValues} />
      {!!ownFields.length && (
        <details>
          <summary>Values of {kind}</summary>
          <SchemaForm fields={ownFields} values={own} onChange={setOwn} />
        </details>
      )}
    </OperationDialog>
  );
}
