import { expect, test } from "vitest";
import { timeline } from "./timeline";

const AT = Date.parse("2026-01-01T00:00:00Z");
const moment = (seconds: number): string => new Date(AT + seconds * 1000).toISOString();
const step = (name: string, from: number, until: number | null, attempt = 1, state = "completed") => ({
  name, attempt, state, started_at: moment(from), finished_at: until === null ? null : moment(until), failure: null,
});
const operation = (steps: unknown[], finished: number | null) =>
  ({ accepted_at: moment(0), finished_at: finished === null ? null : moment(finished), steps }) as never;

test("attempts of one step are one row, and the row has the state of the last", () => {
  const shown = timeline(operation([step("apply", 1, 2, 1, "failed"), step("apply", 4, 8, 2)], 10), AT + 99_000);
  expect(shown.rows).toHaveLength(1);
  expect(shown.rows[0]).toMatchObject({ name: "apply", attempts: 2, seconds: 5, state: "completed" });
  expect(shown.rows[0]?.bars.map((bar) => [bar.from, bar.length])).toEqual([[0.1, 0.1], [0.4, 0.4]]);
  expect(shown).toMatchObject({ seconds: 10, waited: 1 });
});

test("a running step lasts until now", () => {
  const shown = timeline(operation([step("wait", 5, null, 1, "running")], null), AT + 20_000);
  expect(shown.seconds).toBe(20);
  expect(shown.rows[0]?.bars[0]).toMatchObject({ from: 0.25, length: 0.75 });
});

test("an operation without steps has no row", () => {
  expect(timeline(operation([], null), AT + 3000)).toMatchObject({ rows: [], waited: 3 });
});
