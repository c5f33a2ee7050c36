/** HTTP endpoints that get events: their deliveries, a test, and how to add one. */
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { api, query, sending, type Schemas } from "@/api/client";
import { OperationDialog } from "@/shared/OperationDialog";
import { Confirm } from "@/shared/Confirm";
import { Dialog } from "@/shared/Dialog";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded } from "@/shared/Page";
import { ProblemNote } from "@/shared/ProblemNote";
import { State } from "@/shared/State";
import { Table, type Column } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { NameField } from "@/shared/NameField";

const settingsRoute = getRouteApi("/settings");

type Webhook = Schemas["Webhook"];

export function Webhooks() {
  const { name, dialog } = settingsRoute.useSearch();
  const navigate = settingsRoute.useNavigate();
  const show = (change: { name?: string; dialog?: string }): void => void navigate({ search: { section: "webhooks", ...change }, replace: true });
  const list = query.useQuery("get", "/v1/webhooks", { params: { query: { page_size: 200 } } });
  const columns: Column<Webhook>[] = [
    { id: "state", head: "State", cell: (row) => <State state={row.enabled ? "active" : "disabled"} /> },
    { id: "id", head: "Webhook", cell: (row) => <button type="button" className="link name" onClick={() => show({ name: row.id })}>{row.id}</button> },
    { id: "url", head: "Address", cell: (row) => <span className="name">{row.url}</span> },
    { id: "what", head: "Events", cell: (row) => [...row.types, ...row.entities].join(", ") || "all", optional: true },
  ];
  return (
    <>
      <div className="row end"><Guarded role="operator" tone="primary" onClick={() => show({ dialog: "add" })}>Add a webhook</Guarded></div>
      <Loaded of={list}>
        {({ items }) => <Table label="Webhooks" rows={items} columns={columns} keyOf={(row) => row.id} empty={<Empty title="No webhook yet." command="meshwright webhooks set alerts --url https://example.test/hook" />} />}
      </Loaded>
      {name && <Deliveries id={name} onClose={() => show({})} />}
      {dialog === "add" && <Add onClose={() => { show({}); void list.refetch(); }} />}
    </>
  );
}

function Deliveries({ id, onClose }: { id: string; onClose(): void }) {
  const read = query.useQuery("get", "/v1/webhooks/{id}/deliveries", { params: { path: { id }, query: { page_size: 100 } } }, { refetchInterval: 5000 });
  const test = query.useMutation("post", "/v1/webhooks/{id}:test");
  const [removing, setRemoving] = useState(false);
  const remove = async (reason: string): Promise<void> => {
    const { response } = await api.GET("/v1/webhooks/{id}", { params: { path: { id } } });
    const header = { "If-Match": response.headers.get("ETag") ?? "" };
    await api.DELETE("/v1/webhooks/{id}", { params: { path: { id }, query: { reason }, header } });
    onClose();
  };
  return (
    <Dialog title={`Deliveries of ${id}`} open size="wide" onClose={onClose}>
      <div className="row">
        <Guarded role="operator" tone="primary" onClick={() => test.mutate({ params: { path: { id } } })}>Send a test</Guarded>
        <Guarded role="operator" tone="danger" onClick={() => setRemoving(true)}>Remove</Guarded>
        {test.isSuccess && <span role="status">A test event was sent: its delivery appears below.</span>}
      </div>
      {test.error ? <ProblemNote error={test.error} /> : null}
      <Loaded of={read}>
        {({ items }) => (
          <Table
            label="Deliveries"
            rows={items}
            keyOf={(row) => `${row.event} ${row.attempts}`}
            columns={[
              { id: "state", head: "State", cell: (row) => <State state={row.state} /> },
              { id: "type", head: "Event", cell: (row) => <code>{row.event_type}</code> },
              { id: "status", head: "Answer", cell: (row) => row.status ?? "none", align: "end" },
              { id: "attempts", head: "Tries", cell: (row) => row.attempts, align: "end" },
              { id: "detail", head: "", cell: (row) => <span className="name">{row.detail}</span>, optional: true },
              { id: "at", head: "Last try", cell: (row) => <Time at={row.attempted_at} />, align: "end" },
            ]}
            empty={<Empty title="Nothing has been sent yet." />}
          />
        )}
      </Loaded>
      <Confirm title={`Remove ${id}?`} action="Remove" danger open={removing} onClose={() => setRemoving(false)} onConfirm={remove}>
        <p>It gets no further events.</p>
      </Confirm>
    </Dialog>
  );
}

function Add({ onClose }: { onClose(): void }) {
  const [id, setId] = useState("");
  const [url, setUrl] = useState("");
  const [secret, setSecret] = useState("");
  const send = async (preview: boolean, reason: string): Promise<void> => {
    const { data } = await api.PUT("/v1/webhooks/{id}", {
      params: { path: { id }, query: { validate_only: preview, reason }, header: { "If-None-Match": "*" } },
      body: sending<Schemas["PutWebhook"]>({ url }),
    });
    if (!preview) {
      if (data?.secret) setSecret(data.secret);
      else onClose();
    }
  };
  if (secret) {
    return (
      <Dialog title="The webhook's secret" description="It signs every delivery. It is shown this once." open onClose={onClose}>
        <pre className="code" tabIndex={0}>{secret}</pre>
        <button className="button primary" onClick={() => void navigator.clipboard.writeText(secret)}>Copy it</button>
      </Dialog>
    );
  }
  return (
    <OperationDialog title="Add a webhook" action="Add" cli={`webhooks set ${id || "NAME"} --url ${url || "URL"}`} request={`PUT /v1/webhooks/${id || "NAME"}`} body={{ url }} onSend={send} onClose={onClose}>
      <NameField value={id} onChange={setId} />
      <label>Address *<input required type="url" value={url} onChange={(event) => setUrl(event.target.value)} /></label>
    </OperationDialog>
  );
}
