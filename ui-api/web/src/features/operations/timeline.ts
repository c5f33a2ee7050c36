/** The steps of an operation as rows on one axis of time: all attempts of a step are one row. */
import type { Schemas } from "@/api/client";

type Operation = Schemas["Operation"];
type Step = Schemas["Step"];

export interface Bar {
  step: Step;
  /** shares of the whole, 0 to 1 */
  from: number;
  length: number;
}

export interface Row {
  name: string;
  attempts: number;
  seconds: number;
  state: Step["state"];
  failure: Step["failure"];
  bars: Bar[];
}

export interface Timeline {
  start: number;
  seconds: number;
  /** seconds between being accepted and the first step */
  waited: number;
  rows: Row[];
}

/** `now` in milliseconds: what is running lasts until then. */
export function timeline(operation: Operation, now: number): Timeline {
  const steps = operation.steps ?? [];
  const times = steps.map((step) => Date.parse(step.started_at));
  const start = Date.parse(operation.accepted_at ?? "") || Math.min(...times, now);
  const ends = steps.map((step) => (step.finished_at ? Date.parse(step.finished_at) : now));
  const end = operation.finished_at ? Date.parse(operation.finished_at) : Math.max(now, ...ends);
  const whole = Math.max(end - start, 1);
  const rows = new Map<string, Row>();
  for (const step of steps) {
    const from = Date.parse(step.started_at);
    const until = step.finished_at ? Date.parse(step.finished_at) : end;
    const bar = { step, from: (from - start) / whole, length: Math.max(until - from, 0) / whole };
    const row = rows.get(step.name) ?? { name: step.name, attempts: 0, seconds: 0, state: step.state, failure: null, bars: [] };
    row.bars.push(bar);
    row.attempts = Math.max(row.attempts, step.attempt);
    row.seconds += Math.max(until - from, 0) / 1000;
    row.state = step.state;
    row.failure = step.failure ?? row.failure;
    rows.set(step.name, row);
  }
  const first = times.length ? Math.min(...times) : end;
  return { start, seconds: whole / 1000, waited: Math.max(first - start, 0) / 1000, rows: [...rows.values()] };
}
