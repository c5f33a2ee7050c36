import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { stringify } from "yaml";
import { api, begun, query, type Schemas } from "@/api/client";
import { Confirm } from "@/shared/Confirm";
import { Guarded } from "@/shared/Guarded";
import { Loaded, Page } from "@/shared/Page";
import { State } from "@/shared/State";
import { Tabs } from "@/shared/Tabs";
import { Time } from "@/shared/Time";
import { FailureNote } from "./FailureNote";
import { OperationEvents } from "./OperationEvents";
import { StepTimeline } from "./StepTimeline";
import { Took } from "./Took";
import { useLiveOperation } from "./useLiveOperation";

const operationRoute = getRouteApi("/operations/$operation");

type Operation = Schemas["Operation"];

export function OperationPage() {
  const { operation: id } = operationRoute.useParams();
  const { tab = "steps" } = operationRoute.useSearch();
  const navigate = operationRoute.useNavigate();
  useLiveOperation(id);
  const read = query.useQuery("get", "/v1/operations/{id}", { params: { path: { id } } });
  const shown = read.data;
  return (
    <Page
      title={shown ? shown.title || shown.kind : id}
      beside={shown && <State state={shown.state} />}
      readAt={read.dataUpdatedAt}
      actions={shown && <Actions operation={shown} />}
      equivalent={{ cli: `operations show ${id}`, request: `GET /v1/operations/${id}`, data: shown, name: id }}
    >
      <Loaded of={read}>
        {(operation) => (
          <>
            {operation.failure && <FailureNote failure={operation.failure} trace={operation.trace_id} />}
            {!operation.done && (operation.progress || operation.waiting_for) && (
              <p role="status">
                {operation.waiting_for ? `Waiting for ${operation.waiting_for}` : operation.progress}
              </p>
            )}
            <Tabs
              label="Parts of this operation"
              value={tab}
              onChange={(next) => void navigate({ search: { tab: next }, replace: true })}
              tabs={[
                { id: "steps", title: "Steps", content: <StepTimeline operation={operation} /> },
                { id: "details", title: "Details", content: <Details operation={operation} /> },
                { id: "events", title: "Events", content: <OperationEvents id={id} /> },
              ]}
            />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Details({ operation }: { operation: Operation }) {
  const facts: [string, React.ReactNode][] = [
    ["Operation", <code key="id">{operation.id}</code>],
    ["Kind", <code key="kind">{operation.kind}</code>],
    ["Adapter", <Link key="a" to="/settings" search={{ section: "adapters" }}>{operation.adapter}</Link>],
    ["Connection", operation.connection],
    ["Worker", operation.worker || "–"],
    ["Asked by", operation.principal],
    ["Reason", operation.reason || "–"],
    ["Accepted", <Time key="t" at={operation.accepted_at} />],
    ["Took", <Took key="took" operation={operation} />],
    ["Deadline", <Time key="d" at={operation.deadline} />],
    ["Attempts", operation.attempt],
    ["Trace", <code key="trace">{operation.trace_id || "–"}</code>],
  ];
  return (
    <>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name} style={{ display: "contents" }}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {operation.retry_of && (
          <>
            <dt>Retry of</dt>
            <dd><Link to="/operations/$operation" params={{ operation: operation.retry_of }}>{operation.retry_of}</Link></dd>
          </>
        )}
      </dl>
      <h2>Arguments</h2>
      <pre className="code" tabIndex={0}>{stringify(operation.arguments)}</pre>
      {operation.result != null && (
        <>
          <h2>Result</h2>
          <pre className="code" tabIndex={0}>{stringify(operation.result)}</pre>
        </>
      )}
    </>
  );
}

function Actions({ operation }: { operation: Operation }) {
  const [asking, setAsking] = useState<"cancel" | "retry" | null>(null);
  const navigate = useNavigate();
  const path = { id: operation.id };
  const cancel = (reason: string): Promise<unknown> =>
    api.POST("/v1/operations/{id}:cancel", { params: { path, header: { "Meshwright-Reason": reason } } });
  const retry = async (reason: string): Promise<void> => {
    const { data } = await api.POST("/v1/operations/{id}:retry", { params: { path, query: { reason } } });
    await navigate({ to: "/operations/$operation", params: { operation: begun(data) } });
  };
  return (
    <>
      {!operation.done && (
        <Guarded role="operator" tone="danger" because={operation.cancel_requested ? "It has been asked to stop already." : ""} onClick={() => setAsking("cancel")}>
          Cancel
        </Guarded>
      )}
      {operation.done && operation.state !== "succeeded" && (
        <Guarded role="operator" tone="primary" onClick={() => setAsking("retry")}>Retry</Guarded>
      )}
      <Confirm title="Cancel this operation?" action="Cancel it" danger open={asking === "cancel"} onClose={() => setAsking(null)} onConfirm={cancel}>
        <p>The worker stops at its next step and undoes what it did.</p>
      </Confirm>
      <Confirm title="Retry this operation?" action="Retry" open={asking === "retry"} onClose={() => setAsking(null)} onConfirm={retry}>
        <p>A new operation with the same arguments begins; this one stays as it is.</p>
      </Confirm>
    </>
  );
}
