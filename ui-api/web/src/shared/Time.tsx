/** A moment as people say it, with the exact one on hover. One clock for the whole page, once a second. */
import { useSyncExternalStore } from "react";

const watchers = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | null = null;

function subscribe(call: () => void): () => void {
  watchers.add(call);
  timer ??= setInterval(() => {
    if (document.visibilityState !== "visible") return;
    now = Date.now();
    for (const each of watchers) each();
  }, 1000);
  return () => {
    watchers.delete(call);
    if (!watchers.size && timer) {
      clearInterval(timer);
      timer = null;
    }
  };
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** How long before or after now: `3 s ago`, `in 2 h`. */
export function relative(moment: string, at: number): string {
  const seconds = (at - Date.parse(moment)) / 1000;
  if (Math.abs(seconds) < 1) return "now";
  const whole = Math.abs(seconds);
  const [size, unit] = whole < 60 ? [1, "s"] : whole < 3600 ? [60, "min"] : whole < 86_400 ? [3600, "h"] : [86_400, "d"];
  const text = `${Math.floor(whole / size)} ${unit}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

export function Time({ at }: { at: string | null | undefined }) {
  const current = useNow();
  if (!at) return <span className="soft">–</span>;
  return (
    <time dateTime={at} title={new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" })}>
      {relative(at, current)}
    </time>
  );
}
