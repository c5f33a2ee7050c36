/** Asks before something is changed: what will happen, why (for the history), and the refusal if there is one. */
import { useState, type FormEvent, type ReactNode } from "react";
import type { Role } from "@/api/session";
import { Dialog } from "./Dialog";
import { Guarded } from "./Guarded";
import { ProblemNote } from "./ProblemNote";

interface Props {
  title: string;
  open: boolean;
  onClose(): void;
  /** does it, with the reason; throws what the API answers */
  onConfirm(reason: string): Promise<unknown>;
  action: string;
  danger?: boolean;
  /** who may do it */
  role?: Role;
  /** the reason is asked for, unless the API takes none */
  withReason?: boolean;
  children?: ReactNode;
}

export function Confirm({ title, open, onClose, onConfirm, action, danger, role = "operator", withReason = true, children }: Props) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    onConfirm(reason)
      .then(onClose, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog title={title} open={open} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {children}
        {withReason && (
          <label>
            Reason <span className="soft">(for the history)</span>
            <input value={reason} maxLength={2000} onChange={(event) => setReason(event.target.value)} />
          </label>
        )}
        {error ? <ProblemNote error={error} /> : null}
        <div className="row end">
          <button type="button" className="button" onClick={onClose}>Keep as it is</button>
          <Guarded role={role} tone={danger ? "danger" : "primary"} busy={busy} submit>{busy ? "…" : action}</Guarded>
        </div>
      </form>
    </Dialog>
  );
}
