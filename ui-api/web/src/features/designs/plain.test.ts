import { expect, test } from "vitest";
import { plain } from "./plain";

test("what is empty is left out, and what is zero or false stays", () => {
  const design = { id: "a", description: "", workloads: [], self_heal: false, intents: [{ intent: "retry", attempts: 0, per_try_timeout: null }] };
  expect(plain(design)).toBe("id: a\nself_heal: false\nintents:\n  - intent: retry\n    attempts: 0\n");
});
