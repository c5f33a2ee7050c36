/** From the difference to the applied design: what changes → why → apply → its steps as they happen. */
import { useState } from "react";
import { api, begun, query, sending, type Schemas } from "@/api/client";
import { FailureNote } from "@/features/operations/FailureNote";
import { StepTimeline } from "@/features/operations/StepTimeline";
import { useLiveOperation } from "@/features/operations/useLiveOperation";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded } from "@/shared/Page";
import { ProblemNote } from "@/shared/ProblemNote";
import { State } from "@/shared/State";
import { Link } from "@tanstack/react-router";
import { useDiff } from "./previews";
import { ResourceDiffs } from "./ResourceDiffs";

interface Props {
  id: string;
  text: string;
  mesh: string;
  /** why it cannot be applied as it is; empty when it can */
  because: string;
  operation: string;
  onOperation(operation: string): void;
}

export function ApplyTab({ id, text, mesh, because, operation, onOperation }: Props) {
  const [reason, setReason] = useState("");
  const [takeOver, setTakeOver] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const diff = useDiff(id, text, mesh);
  const conflicts = diff.data?.diff.some((each) => each.conflict) ?? false;

  const apply = (): void => {
    setBusy(true);
    setError(null);
    const body = sending<Schemas["Apply"]>({ mesh, reason, take_over: takeOver });
    api
      .POST("/v1/designs/{id}:apply", { params: { path: { id } }, body })
      .then(({ data }) => onOperation(begun(data)), setError)
      .finally(() => setBusy(false));
  };
  if (!mesh) return <Empty title="There is no mesh to apply this to." command="meshwright meshes install envoy --connection local --wait" />;
  return (
    <>
      {operation && <Applying operation={operation} onDone={() => void diff.refetch()} />}
      <h2>What would change on {mesh}</h2>
      <Loaded of={diff}>{(preview) => <ResourceDiffs preview={preview} />}</Loaded>
      <div className="stack">
        <label>
          Reason <span className="soft">(for the history)</span>
          <input value={reason} maxLength={2000} onChange={(event) => setReason(event.target.value)} />
        </label>
        {conflicts && (
          <label className="inline">
            <input type="checkbox" checked={takeOver} onChange={(event) => setTakeOver(event.target.checked)} /> Take over what belongs to others
          </label>
        )}
        {error ? <ProblemNote error={error} /> : null}
        <div className="row">
          <Guarded role="operator" tone="primary" because={because || (busy ? "It is being sent." : "")} onClick={apply}>Apply to {mesh}</Guarded>
          {because && <span className="soft">{because}</span>}
        </div>
      </div>
    </>
  );
}

function Applying({ operation: id, onDone }: { operation: string; onDone(): void }) {
  useLiveOperation(id);
  const [told, setTold] = useState(false);
  const read = query.useQuery("get", "/v1/operations/{id}", { params: { path: { id } } });
  if (read.data?.done && !told) {
    setTold(true);
    queueMicrotask(onDone);
  }
  return (
    <section className="card" aria-live="polite">
      <Loaded of={read}>
        {(operation) => (
          <>
            <h2>
              <State state={operation.state} /> <Link to="/operations/$operation" params={{ operation: id }}>{operation.kind}</Link>
            </h2>
            {operation.failure && <FailureNote failure={operation.failure} trace={operation.trace_id} />}
            {!operation.done && <p className="soft">{operation.progress}</p>}
            <StepTimeline operation={operation} />
          </>
        )}
      </Loaded>
    </section>
  );
}
