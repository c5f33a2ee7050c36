/** What failed, the probable cause, and the remedy. */
import type { Schemas } from "@/api/client";

export function FailureNote({ failure, trace }: { failure: Schemas["Failure"]; trace?: string }) {
  return (
    <div className="note failing" role="alert">
      <p>
        <strong>{failure.what}</strong> <code className="soft">{failure.code}</code>
      </p>
      {failure.cause && <p>Cause: {failure.cause}</p>}
      {failure.remedy && <p>What to do: {failure.remedy}</p>}
      {trace && <p className="soft mono">trace {trace}</p>}
    </div>
  );
}
