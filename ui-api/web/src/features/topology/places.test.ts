import { expect, test } from "vitest";
import { around, inBoxes } from "./places";

const apart = (one: { x: number; y: number }, other: { x: number; y: number }): number => Math.hypot(one.x - other.x, one.y - other.y);

test("nodes that come around one place stand apart", () => {
  const places = Array.from({ length: 60 }, (_, index) => around({ x: 10, y: -5 }, index));
  expect(places[0]).toEqual({ x: 10, y: -5 });
  for (const [index, place] of places.entries()) for (const other of places.slice(index + 1)) expect(apart(place, other)).toBeGreaterThan(60);
});

test("2,000 nodes stand apart, and the boxes of their namespaces do not meet", () => {
  const nodes = Array.from({ length: 2000 }, (_, index) => ({ id: `s${index}`, namespace: `ns${index % 37}`, width: 90 + (index % 60), height: 34 }));
  const places = inBoxes(nodes);
  expect(new Set(Object.values(places).map(({ x, y }) => `${x} ${y}`)).size).toBe(2000);
  const boxes = [...new Set(nodes.map((node) => node.namespace))].map((namespace) => {
    const inside = nodes.filter((node) => node.namespace === namespace);
    const [xs, ys] = [inside.map((node) => places[node.id]?.x ?? NaN), inside.map((node) => places[node.id]?.y ?? NaN)];
    return { left: Math.min(...xs) - 75, right: Math.max(...xs) + 75, top: Math.min(...ys) - 17, bottom: Math.max(...ys) + 17 };
  });
  const meet = (one: (typeof nodes)[0], other: (typeof nodes)[0]): boolean => {
    const [a, b] = [places[one.id] ?? { x: NaN, y: NaN }, places[other.id] ?? { x: NaN, y: NaN }];
    return Math.abs(a.x - b.x) < (one.width + other.width) / 2 && Math.abs(a.y - b.y) < 34;
  };
  expect(nodes.slice(0, 300).flatMap((one, index) => nodes.slice(index + 1).filter((other) => meet(one, other)))).toEqual([]);
  for (const [index, one] of boxes.entries())
    for (const other of boxes.slice(index + 1))
      expect(one.right < other.left || other.right < one.left || one.bottom < other.top || other.bottom < one.top).toBe(true);
});

test("a graph of no node, and one without namespaces, have places too", () => {
  expect(inBoxes([])).toEqual({});
  expect(inBoxes([{ id: "a", namespace: "", width: 90, height: 34 }])).toEqual({ a: { x: 0, y: 0 } });
});
