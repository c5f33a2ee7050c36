/** The tenants: each has its own connections, meshes, designs and tokens. */
import { useState } from "react";
import { api, query, sending, type Schemas } from "@/api/client";
import { OperationDialog } from "@/shared/OperationDialog";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded } from "@/shared/Page";
import { Table } from "@/shared/Table";
import { NameField } from "@/shared/NameField";

export function Workspaces() {
  const list = query.useQuery("get", "/v1/workspaces", {});
  const [adding, setAdding] = useState(false);
  return (
    <>
      <div className="row end"><Guarded role="admin" everywhere tone="primary" onClick={() => setAdding(true)}>Add a workspace</Guarded></div>
      <Loaded of={list}>
        {({ items }) => (
          <Table
            label="Workspaces"
            rows={items}
            keyOf={(row) => row.id}
            columns={[
              { id: "id", head: "Workspace", cell: (row) => <span className="name">{row.id}</span> },
              { id: "description", head: "Description", cell: (row) => <span className="name">{row.description}</span> },
            ]}
            empty={<Empty title="There is only the workspace default." command="meshwright workspaces set shop" />}
          />
        )}
      </Loaded>
      {adding && <Add onClose={() => { setAdding(false); void list.refetch(); }} />}
    </>
  );
}

function Add({ onClose }: { onClose(): void }) {
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const send = async (preview: boolean, reason: string): Promise<void> => {
    await api.PUT("/v1/workspaces/{id}", {
      params: { path: { id: name }, query: { validate_only: preview, reason }, header: { "If-None-Match": "*" } },
      body: sending<Schemas["PutWorkspace"]>({ description }),
    });
    if (!preview) onClose();
  };
  return (
    <OperationDialog title="Add a workspace" action="Add" role="admin" everywhere cli={`workspaces set ${name || "NAME"}`} request={`PUT /v1/workspaces/${name || "NAME"}`} body={{ description }} onSend={send} onClose={onClose}>
      <NameField value={name} onChange={setName} />
      <label>Description<input value={description} onChange={(event) => setDescription(event.target.value)} /></label>
    </OperationDialog>
  );
}
