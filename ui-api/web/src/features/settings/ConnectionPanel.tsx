/** One connection: who we are there, what we may do, what is wrong, and the rights that an adapter needs. */
import { useState } from "react";
import { api, query, type Schemas } from "@/api/client";
import { Confirm } from "@/shared/Confirm";
import { Copies } from "@/shared/Copies";
import { Dialog } from "@/shared/Dialog";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded } from "@/shared/Page";
import { ProblemNote } from "@/shared/ProblemNote";
import { State } from "@/shared/State";
import { Table } from "@/shared/Table";

export function ConnectionPanel({ id, onClose }: { id: string; onClose(): void }) {
  const read = query.useQuery("get", "/v1/connections/{id}", { params: { path: { id } } });
  const test = query.useMutation("post", "/v1/connections/{id}:test");
  const [removing, setRemoving] = useState(false);
  const remove = async (reason: string): Promise<void> => {
    const { response } = await api.GET("/v1/connections/{id}", { params: { path: { id } } });
    const header = { "If-Match": response.headers.get("ETag") ?? "" };
    await api.DELETE("/v1/connections/{id}", { params: { path: { id }, query: { reason }, header } });
    onClose();
  };
  return (
    <Dialog title={`Connection ${id}`} open size="wide" onClose={onClose}>
      <Loaded of={read}>
        {(connection) => (
          <>
            <dl className="facts">
              <dt>Kind</dt><dd>{connection.kind}</dd>
              <dt>Settings</dt><dd><pre className="code" tabIndex={0}>{JSON.stringify(connection.settings, null, 2)}</pre></dd>
              <dt>Credentials</dt><dd>{connection.credentials.length ? `${connection.credentials.join(", ")} (sealed, never shown)` : "none"}</dd>
            </dl>
            <div className="row">
              <Guarded role="operator" tone="primary" onClick={() => test.mutate({ params: { path: { id } } })}>
                {test.isPending ? "Asking…" : "Test"}
              </Guarded>
              <Guarded role="admin" tone="danger" onClick={() => setRemoving(true)}>Remove</Guarded>
              <Copies cli={`connections test ${id}`} request={`POST /v1/connections/${id}:test`} data={test.data ?? connection} name={id} />
            </div>
            {test.error ? <ProblemNote error={test.error} /> : null}
            {test.data && <Outcome test={test.data} />}
          </>
        )}
      </Loaded>
      <Confirm title={`Remove ${id}?`} action="Remove" role="admin" danger open={removing} onClose={() => setRemoving(false)} onConfirm={remove}>
        <p>Nothing on the platform itself is changed. A connection with meshes cannot be removed.</p>
      </Confirm>
    </Dialog>
  );
}

function Outcome({ test }: { test: Schemas["ConnectionTest"] }) {
  return (
    <>
      <p>
        <State state={test.ok ? "ok" : "failing"}>{test.ok ? "answers" : "does not serve us"}</State>{" "}
        {test.identity && <>We are <code>{test.identity}</code>. </>}
        {test.version && <>It is {test.version}.</>}
      </p>
      {test.problems.map((each) => <p key={each.pointer + each.detail} className="note warning">{each.detail}</p>)}
      <Table
        label="Permissions"
        rows={test.permissions}
        keyOf={(row) => row.action}
        columns={[
          { id: "allowed", head: "", cell: (row) => <State state={row.allowed ? "may" : "may not"} tone={row.allowed ? "ok" : "failing"} />, width: "6rem" },
          { id: "action", head: "Action", cell: (row) => row.action },
          { id: "because", head: "Needed because", cell: (row) => <span className="wrap">{row.because}</span>, optional: true },
        ]}
        empty={<Empty title="This kind of connection names no permissions." />}
      />
    </>
  );
}
