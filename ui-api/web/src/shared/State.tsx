/** A state by colour, shape and word, so that none of the three has to be seen. */
import { Ban, CircleAlert, CircleCheck, CircleDashed, CircleDot, Clock, OctagonX, TriangleAlert, type LucideIcon } from "lucide-react";

export type Tone = "ok" | "warning" | "failing" | "progress" | "idle";

const TONES: Record<string, Tone> = {
  ready: "ok", succeeded: "ok", synced: "ok", live: "ok", current: "ok", delivered: "ok", ok: "ok", up: "ok", active: "ok",
  degraded: "warning", stale: "warning", retrying: "warning", waiting: "warning", warning: "warning", drifted: "warning",
  failed: "failing", rejected: "failing", dead_lettered: "failing", timed_out: "failing", failing: "failing", error: "failing",
  lost: "failing", disconnected: "failing",
  installing: "progress", removing: "progress", running: "progress", queued: "progress", accepted: "progress",
  connecting: "progress", undoing: "progress", applying: "progress",
};

export function toneOf(state: string): Tone {
  return TONES[state] ?? "idle";
}

const ICONS: Record<Tone, LucideIcon> = {
  ok: CircleCheck,
  warning: TriangleAlert,
  failing: OctagonX,
  progress: CircleDot,
  idle: CircleDashed,
};
const SPECIAL: Record<string, LucideIcon> = { cancelled: Ban, queued: Clock, accepted: Clock, disconnected: CircleAlert };

export function State({ state, tone, children }: { state: string; tone?: Tone; children?: React.ReactNode }) {
  const shown = tone ?? toneOf(state);
  const Icon = SPECIAL[state] ?? ICONS[shown];
  return (
    <span className={`state ${shown}`}>
      <Icon aria-hidden size={14} />
      {children ?? state.replaceAll("_", " ")}
    </span>
  );
}
