import { expect, test } from "vitest";
import { asCommand } from "./asCommand";

test("what is live is a tail, unless it is looked for by a text or a trace", () => {
  expect(asCommand("live", { entity: "mesh", id: "demo" })).toBe("events tail --entity mesh --id demo");
  expect(asCommand("live", { text: "two words", entity: "mesh" })).toBe("events search 'two words' --entity mesh");
  expect(asCommand("log", { trace_id: "abc" })).toBe("events search --trace abc");
});
