import { expect, test } from "vitest";
import { keysOf, schemasAt, standalone, valuesOf } from "./completion";

const ROOT = standalone(
  {
    Design: {
      type: "object",
      required: ["id"],
      properties: {
        id: { type: "string" },
        intents: { type: "array", items: { anyOf: [{ $ref: "#/components/schemas/Split" }, { $ref: "#/components/schemas/Retry" }] } },
      },
    },
    Split: { type: "object", properties: { intent: { enum: ["traffic-split"] }, backends: { type: "array", items: { $ref: "#/components/schemas/Backend" } } } },
    Retry: { type: "object", properties: { intent: { enum: ["retry"] }, attempts: { type: "integer" } } },
    Backend: { type: "object", properties: { version: { type: "string", description: "of the service" } } },
  },
  "Design",
);
const nothing = (): string => "";

test("the keys of a place, and how they go on", () => {
  expect(keysOf(schemasAt(ROOT, [], nothing), ROOT).map((each) => [each.label, each.detail, each.apply])).toEqual([
    ["id", "required", "id: "], ["intents", "array", "intents:\n"],
  ]);
  expect(keysOf(schemasAt(ROOT, ["intents", 0, "backends", 0], nothing), ROOT).map((each) => each.info)).toEqual(["of the service"]);
});

test("an intent may be any until its name is written", () => {
  const values = valuesOf(schemasAt(ROOT, ["intents", 0, "intent"], nothing));
  expect(values.map((each) => each.label)).toEqual(["traffic-split", "retry"]);
  const chosen = (at: (string | number)[]): string => (at.length === 2 ? "retry" : "");
  expect(keysOf(schemasAt(ROOT, ["intents", 0], chosen), ROOT).map((each) => each.label)).toEqual(["intent", "attempts"]);
});
