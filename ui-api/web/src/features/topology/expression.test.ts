import { expect, test } from "vitest";
import { ExpressionError, parse, type Subject } from "./expression";

const NODE: Subject = { name: "reviews", namespace: "shop", version: "v1", kind: "service", health: "ok", rate: 12, errors: 0.02, p99: 80, mtls: 1 };

test.each([
  ["rev", true], ["cart", false], ["name ~ REV", true], ["name !~ rev", false], ["namespace = shop", true],
  ["errors > 1%", true], ["error > 0.01", true], ["errors > 0.05", false], ["rate<1", false], ["rate >= 12", true],
  ["errors > 5% or name = reviews", true], ["namespace = shop and rate < 1 or p99 > 50", true], ["namespace = shop and rate < 1", false],
])("%s is %s", (text, expected) => {
  expect(parse(text)(NODE)).toBe(expected);
});

test.each(["colour = red", "rate ~ 3", "name > a", "rate > many", "and", "rate >", "rate > 1 2"])("%s is refused with a word", (text) => {
  expect(() => parse(text)).toThrow(ExpressionError);
});
