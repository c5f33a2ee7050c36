/** A form that begins an operation: tried without effect first, with a reason for the history. */
import { useState, type FormEvent, type ReactNode } from "react";
import { Copies } from "./Copies";
import { Dialog } from "./Dialog";
import { ProblemNote } from "./ProblemNote";

interface Props {
  title: string;
  action: string;
  danger?: boolean;
  cli: string;
  request: string;
  body?: unknown;
  /** sends it, only as a preview when asked; throws what the API answers */
  onSend(preview: boolean, reason: string): Promise<unknown>;
  onClose(): void;
  children?: ReactNode;
}

export function OperationDialog({ title, action, danger, cli, request, body, onSend, onClose, children }: Props) {
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
          <button type="button" className="button" disabled={busy} onClick={() => send(true)}>Try without effect</button>
          <button type="submit" className={danger ? "button danger" : "button primary"} disabled={busy}>{busy ? "…" : action}</button>
        </div>
      </form>
    </Dialog>
  );
}
