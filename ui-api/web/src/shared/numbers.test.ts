import { expect, test } from "vitest";
import { bytes, milliseconds, rate, share } from "./numbers";

test("what nobody measured is a dash, and zero is zero", () => {
  expect([rate(null), share(undefined), milliseconds(null), bytes(null)]).toEqual(["–", "–", "–", "–"]);
  expect([rate(0), share(0), milliseconds(0), bytes(0)]).toEqual(["0.00/s", "0 %", "0.0 ms", "0 B"]);
});

test("a small share of errors is never shown as none", () => {
  expect(share(0.0002)).toBe("< 0.1 %");
  expect(share(0.004)).toBe("0.4 %");
  expect(share(1)).toBe("100 %");
});
