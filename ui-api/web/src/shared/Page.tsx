/** The frame of every page: its title, how fresh it is, how to get the same elsewhere, and what it shows. */
import type { UseQueryResult } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { Copies, type Equivalent } from "./Copies";
import { ProblemNote } from "./ProblemNote";
import { useNow, relative } from "./Time";

interface Props {
  title: string;
  /** what stands beside the title, such as a state */
  beside?: ReactNode;
  actions?: ReactNode;
  equivalent: Equivalent;
  /** when the data that is shown was read, in milliseconds; without it the page shows no data */
  readAt?: number;
  children: ReactNode;
}

export function Page({ title, beside, actions, equivalent, readAt, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Meshwright`;
  }, [title]);
  return (
    <main className="page" id="main" tabIndex={-1}>
      <header className="page-head">
        <h1>{title}</h1>
        {beside}
        {readAt !== undefined && <ReadAt at={readAt} />}
        <div className="page-actions">
          {actions}
          <Copies {...equivalent} />
        </div>
      </header>
      {children}
    </main>
  );
}

function ReadAt({ at }: { at: number }) {
  const now = useNow();
  if (!at) return null;
  return <span className="soft read-at">read {relative(new Date(at).toISOString(), Math.max(now, at))}</span>;
}

/** Shows what was read, or that it is being read, or why it could not be. */
export function Loaded<T>({ of, children }: { of: UseQueryResult<T, unknown>; children(data: T): ReactNode }) {
  if (of.data !== undefined) {
    return (
      <>
        {of.error ? <ProblemNote error={of.error} /> : null}
        {children(of.data)}
      </>
    );
  }
  if (of.error) return <ProblemNote error={of.error} />;
  return <p className="soft loading" role="status">Loading…</p>;
}

/** What is not there, and the command that brings it. */
export function Empty({ title, command, children }: { title: string; command?: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p><strong>{title}</strong></p>
      {children && <div className="soft">{children}</div>}
      {command && <pre className="command">{command}</pre>}
    </div>
  );
}
