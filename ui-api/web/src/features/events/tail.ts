/**
 * The events that the page shows, newest first.
 *
 * Invariant: of more events than the page keeps, the oldest are dropped and counted; while it is paused the newest wait
 * and are counted too: nothing goes by unseen without a word.
 */
import type { Event } from "@/live/live";

export const KEPT = 1000;

export interface Tail {
  shown: Event[];
  /** arrived while paused */
  waiting: Event[];
  /** no longer on the page; the log has them */
  dropped: number;
  /** times that the server said that events were skipped */
  resets: number;
  /** the id of the first one that came; none yet: beyond every id */
  first: number;
}

export const EMPTY: Tail = { shown: [], waiting: [], dropped: 0, resets: 0, first: Infinity };

export function arrived(tail: Tail, events: Event[], paused: boolean): Tail {
  if (!events.length) return tail;
  const newest = [...events].reverse();
  const list = paused ? tail.waiting : tail.shown;
  const all = [...newest, ...list];
  const dropped = tail.dropped + Math.max(all.length - KEPT, 0);
  const kept = all.slice(0, KEPT);
  const first = Math.min(tail.first, events[0]?.id ?? Infinity);
  return paused ? { ...tail, waiting: kept, dropped, first } : { ...tail, shown: kept, dropped, first };
}

export function resumed(tail: Tail): Tail {
  return arrived({ ...tail, waiting: [] }, [...tail.waiting].reverse(), false);
}
