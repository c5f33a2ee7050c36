/** The steps on one axis of time; a step's attempts share a row. */
import type { Schemas } from "@/api/client";
import { Empty } from "@/shared/Page";
import { State, type Tone } from "@/shared/State";
import { duration, useNow } from "@/shared/Time";
import { FailureNote } from "./FailureNote";
import { timeline } from "./timeline";
import "./operations.css";

const TONES: Record<Schemas["Step"]["state"], Tone> = {
  running: "progress",
  completed: "ok",
  failed: "failing",
  undone: "warning",
  undo_failed: "failing",
};

export function StepTimeline({ operation }: { operation: Schemas["Operation"] }) {
  const now = useNow();
  const shown = timeline(operation, operation.done ? 0 : now);
  if (!shown.rows.length) {
    return <Empty title={operation.done ? "This operation had no steps." : "No step has begun yet."} />;
  }
  return (
    <ol className="plain timeline" aria-label={`Steps, ${duration(shown.seconds)} in all`}>
      {shown.rows.map((row) => (
        <li key={row.name} className="timeline-row">
          <span className="timeline-name">
            <State state={row.state} tone={TONES[row.state]} /> <span className="name">{row.name}</span>
            {row.attempts > 1 && <span className="tag">{row.attempts} attempts</span>}
          </span>
          <span className="timeline-track" aria-hidden>
            {row.bars.map((bar, index) => (
              <i
                key={index}
                className={`timeline-bar ${TONES[bar.step.state]}`}
                style={{ insetInlineStart: `${bar.from * 100}%`, width: `max(3px, ${bar.length * 100}%)` }}
              />
            ))}
          </span>
          <span className="timeline-took">{duration(row.seconds)}</span>
          {row.failure && <div className="timeline-failure"><FailureNote failure={row.failure} /></div>}
        </li>
      ))}
    </ol>
  );
}
