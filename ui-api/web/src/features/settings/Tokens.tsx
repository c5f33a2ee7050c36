/** API tokens: a secret is shown once; revoking one ends its sessions too. */
import { useState } from "react";
import { api, query, sending, type Schemas } from "@/api/client";
import { OperationDialog } from "@/shared/OperationDialog";
import { Confirm } from "@/shared/Confirm";
import { Dialog } from "@/shared/Dialog";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded } from "@/shared/Page";
import { Table, type Column } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { NameField } from "@/shared/NameField";

type Token = Schemas["TokenInfo"];
type Role = Token["role"];

export function Tokens() {
  const list = query.useQuery("get", "/v1/tokens", {});
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState("");
  const [secret, setSecret] = useState("");
  const columns: Column<Token>[] = [
    { id: "id", head: "Token", cell: (row) => <span className="name">{row.id}</span> },
    { id: "role", head: "Role", cell: (row) => row.role },
    { id: "workspace", head: "Workspace", cell: (row) => (row.workspace === "*" ? "all" : row.workspace) },
    { id: "description", head: "Description", cell: (row) => <span className="name">{row.description}</span>, optional: true },
    { id: "created", head: "Created", cell: (row) => <Time at={row.created_at} />, optional: true },
    { id: "expires", head: "Expires", cell: (row) => (row.expires_at ? <Time at={row.expires_at} /> : "never") },
    { id: "revoke", head: "", cell: (row) => <Guarded role="admin" tone="danger" onClick={() => setRevoking(row.id)}>Revoke {row.id}</Guarded> },
  ];
  const revoke = async (reason: string): Promise<void> => {
    await api.DELETE("/v1/tokens/{id}", { params: { path: { id: revoking }, query: { reason } } });
    await list.refetch();
  };
  return (
    <>
      <div className="row end"><Guarded role="admin" tone="primary" onClick={() => setAdding(true)}>Add a token</Guarded></div>
      <Loaded of={list}>
        {({ items }) => <Table label="Tokens" rows={items} columns={columns} keyOf={(row) => `${row.workspace}/${row.id}`} empty={<Empty title="There are no tokens but the admin's file." command="meshwright tokens create ci --role operator" />} />}
      </Loaded>
      {adding && <Add onClose={() => setAdding(false)} onAdded={(next) => { setAdding(false); setSecret(next); void list.refetch(); }} />}
      <Dialog title="The new token" description="It is shown this once and stored nowhere." open={secret !== ""} onClose={() => setSecret("")}>
        <pre className="code" tabIndex={0}>{secret}</pre>
        <button className="button primary" onClick={() => void navigator.clipboard.writeText(secret)}>Copy it</button>
      </Dialog>
      <Confirm title={`Revoke ${revoking}?`} action="Revoke" role="admin" danger open={revoking !== ""} onClose={() => setRevoking("")} onConfirm={revoke}>
        <p>Within a second nobody can use it any more; browser sessions that it began end too.</p>
      </Confirm>
    </>
  );
}

function Add({ onClose, onAdded }: { onClose(): void; onAdded(secret: string): void }) {
  const [id, setId] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [description, setDescription] = useState("");
  const [everywhere, setEverywhere] = useState(false);
  const body = { id, role, description, everywhere };
  const send = async (preview: boolean, reason: string): Promise<void> => {
    const { data } = await api.POST("/v1/tokens", {
      params: { query: { validate_only: preview, reason } },
      body: sending<Schemas["CreateToken"]>(body),
    });
    if (!preview && data) onAdded(data.secret);
  };
  return (
    <OperationDialog title="Add a token" action="Add" role="admin" cli={`tokens create ${id || "NAME"} --role ${role}`} request="POST /v1/tokens" body={body} onSend={send} onClose={onClose}>
      <NameField value={id} onChange={setId} />
      <label>
        Role
        <select value={role} onChange={(event) => setRole(event.target.value as Role)}>{["viewer", "operator", "admin"].map((each) => <option key={each}>{each}</option>)}</select>
      </label>
      <label>Description<input value={description} onChange={(event) => setDescription(event.target.value)} /></label>
      <label className="inline"><input type="checkbox" checked={everywhere} onChange={(event) => setEverywhere(event.target.checked)} /> In all workspaces</label>
    </OperationDialog>
  );
}
