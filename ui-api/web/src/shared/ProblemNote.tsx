/** What went wrong, why, and what to do, in the API's words. */
import { asProblem, type Problem } from "@/api/problem";

export function ProblemNote({ problem, error }: { problem?: Problem; error?: unknown }) {
  const shown = problem ?? asProblem(error);
  return (
    <div className="note failing" role="alert">
      <strong>{shown.title}</strong>
      {shown.detail && shown.detail !== shown.title && <p>{shown.detail}</p>}
      {!!shown.errors?.length && (
        <ul>
          {shown.errors.map((each, index) => (
            <li key={index}>
              {each.pointer && <code>{each.pointer}</code>} {each.detail}
            </li>
          ))}
        </ul>
      )}
      {shown.remedy && <p>{shown.remedy}</p>}
      {shown.trace_id && <p className="soft mono">trace {shown.trace_id}</p>}
    </div>
  );
}
