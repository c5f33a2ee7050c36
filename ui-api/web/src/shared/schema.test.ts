import { expect, test } from "vitest";
import { compact, fieldsOf, type Schema } from "./schema";

const SCHEMA: Schema = {
  type: "object",
  required: ["name"],
  properties: {
    mode: { enum: ["", "ambient"], default: "" },
    restart: { type: "boolean", default: false },
    tags: { type: "array", items: { type: "string" } },
    values: { type: "object" },
    port: { type: "integer" },
    name: { $ref: "#/$defs/Name" },
  },
  $defs: { Name: { type: "string", pattern: "^a" } },
};

test("each field is asked in its own way, the required ones first", () => {
  const kinds = fieldsOf(SCHEMA).map((field) => [field.name, field.kind]);
  expect(kinds).toEqual([
    ["name", "text"], ["mode", "choice"], ["restart", "flag"], ["tags", "lines"], ["values", "yaml"], ["port", "number"],
  ]);
});

test("what was left at its default is not sent, and what is required always is", () => {
  const fields = fieldsOf(SCHEMA);
  expect(compact({ name: "", mode: "", restart: false, tags: [], port: 0 }, fields)).toEqual({ name: "", port: 0 });
  expect(compact({ name: "a", mode: "ambient", restart: true, tags: ["x"] }, fields)).toEqual({
    name: "a", mode: "ambient", restart: true, tags: ["x"],
  });
});
