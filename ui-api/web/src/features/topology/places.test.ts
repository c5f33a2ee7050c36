import { expect, test } from "vitest";
import { around, inBoxes } from "./places";

const apart = (one: { x: number; y: number }, other: { x: number; y: number }): number => Math.hypot(one.x - other.x, one.y - other.y);

test("nodes that come around one place stand apart", () => {
  const places = Array.from({ length: 60 }, (_, index) => around({ x: 10, y: -5 }, index));
  expect(places[0]).toEqual({ x: 10, y: -5 });
  for (const [index, place] of places.entries()) for (const other of places.slice(index + 1)) expect(apart(place, other)).toBeGreaterThan(60);
});

test("2,000 nodes stand apart, and the boxes of their namespaces do not meet", () => {
  const nodes = Array.from({ length: 2000 }, (_, index) => ({ id: `s${index}`, namespace: `ns${index % 37}` }));
  const places = inBoxes(nodes);
  expect(new Set(Object.values(places).map(({ x, y }) => `${x} ${y}`)).size).toBe(2000);
  const boxes = [...new Set(nodes.map((node) => node.namespace))].map((namespace) => {
    const inside = nodes.filter((node) => node.namespace === namespace);
    const [xs, ys] = [inside.map((node) => places[node.id]?.x ?? NaN), inside.map((node) => places[node.id]?.y ?? NaN)];
    return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
  });
  for (const [index, one] of boxes.entries())
    for (const other of boxes.slice(index + 1))
      expect(one.right < other.left || other.right < one.left || one.bottom < other.top || other.bottom < one.top).toBe(true);
});

test("a graph of no node, and one without namespaces, have places too", () => {
  expect(inBoxes([])).toEqual({});
  expect(inBoxes([{ id: "a", namespace: "" }])).toEqual({ a: { x: 0, y: 0 } });
});
