/** A form that begins an operation: tried without effect first, with a reason for the history. */
import { useState, type FormEvent, type ReactNode } from "react";
import type { Role } from "@/api/session";
import { Copies } from "./Copies";
import { Dialog } from "./Dialog";
import { Guarded } from "./Guarded";
import { ProblemNote } from "./ProblemNote";

interface Props {
  title: string;
  action: string;
  danger?: boolean;
  /** who may do it */
  role?: Role;
  everywhere?: boolean;
  cli: string;
  request: string;
  body?: unknown;
  /** sends it, only as a preview when asked; throws what the API answers */
  onSend(preview: boolean, reason: string): Promise<unknown>;
  onClose(): void;
  children?: ReactNode;
}

export function OperationDialog({ title, action, danger, role = "operator", everywhere, cli, request, body, onSend, onClose, children }: Props) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [valid, setValid] = useState(false);
  const send = (preview: boolean): void => {
    setBusy(true);
    setError(null);
    setValid(false);
    onSend(preview, reason)
      .then(() => setValid(preview), setError)
      .finally(() => setBusy(false));
  };
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    send(false);
  };
  return (
    <Dialog title={title} open size="form" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {children}
        <label>
          Reason <span className="soft">(for the history)</span>
          <input value={reason} maxLength={2000} onChange={(event) => setReason(event.target.value)} />
        </label>
        {error ? <ProblemNote error={error} /> : null}
        {valid && <p role="status">Nothing speaks against it. Nothing has been changed.</p>}
        <div className="row end foot">
          <Copies cli={cli} request={request} body={body} />
          <Guarded role={role} everywhere={everywhere} busy={busy} onClick={() => send(true)}>Try without effect</Guarded>
          <Guarded role={role} everywhere={everywhere} tone={danger ? "danger" : "primary"} busy={busy} submit>{busy ? "…" : action}</Guarded>
        </div>
      </form>
    </Dialog>
  );
}
