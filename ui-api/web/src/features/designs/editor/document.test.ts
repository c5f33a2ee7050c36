import { expect, test } from "vitest";
import { pathAt, rangeOf, read } from "./document";

const TEXT = `id: canary
intents:
- intent: traffic-split
  service: reviews
  backends:
  - version: v1
    percent: 90
- intent: retry
  service: ratings
`;

test.each([
  ["#/id", "canary"],
  ["#/intents/0/service", "reviews"],
  ["#/intents/0/backends/0/percent", "90"],
  ["#/intents/1/service", "ratings"],
  ["#/intents/1/attempts", "i"],
])("%s stands where it is written", (pointer, expected) => {
  const { from, to } = rangeOf(read(TEXT).document, pointer);
  expect(TEXT.slice(from, to)).toBe(expected);
});

test("what is not YAML says where", () => {
  const { mistakes, value } = read("id: [a\nb: c");
  expect(value).toBeUndefined();
  expect(mistakes.length).toBeGreaterThan(0);
});

test.each([
  ["id: canary\nint", []],
  ["intents:\n- ", ["intents", 0]],
  ["intents:\n- intent: traffic-split\n  ser", ["intents", 0]],
  ["intents:\n- intent: ", ["intents", 0, "intent"]],
  ["intents:\n- intent: traffic-split\n  backends:\n  - ver", ["intents", 0, "backends", 0]],
  ["intents:\n- intent: traffic-split\n  backends:\n  - version: v1\n    per", ["intents", 0, "backends", 0]],
  ["intents:\n  - intent: retry\n    ret", ["intents", 0]],
])("%j is at %j", (text, path) => {
  expect(pathAt(text, text.length)).toEqual(path);
});
