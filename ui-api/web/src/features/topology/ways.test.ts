import { expect, test } from "vitest";
import { wayOf } from "./ways";

test("a way is told by shares of the line between its ends and distances from it", () => {
  const style = wayOf({ points: [{ x: 25, y: 0 }, { x: 50, y: 10 }, { x: 70, y: 10 }, { x: 80, y: 0 }], label: { x: 60, y: 12 } }, { x: 0, y: 0 }, { x: 100, y: 0 });
  expect(style["segment-weights"]).toEqual([0.25, 0.5, 0.7, 0.8]);
  expect(style["segment-distances"]).toEqual([0, 10, 10, 0]);
  expect([style["text-margin-x"], style["text-margin-y"]]).toEqual([0, 2]);
});

test("points that are the same count once, and their number stays even", () => {
  const style = wayOf({ points: [{ x: 10, y: 0 }, { x: 10, y: 0 }, { x: 30, y: 4 }, { x: 50, y: 0 }], label: { x: 0, y: 0 } }, { x: 0, y: 0 }, { x: 100, y: 0 });
  expect(style["segment-weights"]).toEqual([0.1, 0.2, 0.3, 0.5]);
});
