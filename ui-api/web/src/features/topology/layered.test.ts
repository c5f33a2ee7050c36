import { expect, test } from "vitest";
import { layered, type Call, type Sized } from "./layered";

const sized = (id: string, box?: string): Sized => ({ id, width: 100, height: 40, box });
const call = (text: string): Call => ({ from: text[0] ?? "", to: text[1] ?? "" });

test("what is called stands behind all its callers, also where calls make a circle", () => {
  const places = layered(["a", "b", "c", "d"].map((id) => sized(id)), ["ab", "bc", "ac", "cd", "db"].map(call), false);
  expect(places.a?.x).toBeLessThan(places.b?.x ?? 0);
  expect(places.b?.x).toBeLessThan(places.c?.x ?? 0);
  expect(places.c?.x).toBeLessThan(places.d?.x ?? 0);
});

test("no two nodes overlap, those of different boxes least of all", () => {
  const ids = Array.from({ length: 40 }, (_, index) => String.fromCharCode(65 + index));
  const nodes = ids.map((id, index) => sized(id, index < 30 ? `team-${index % 3}` : undefined));
  const calls = ids.slice(1).map((id, index) => ({ from: ids[Math.floor(index / 3)] ?? "", to: id }));
  const places = layered(nodes, calls, true);
  expect(Object.keys(places)).toHaveLength(40);
  for (const one of nodes) {
    for (const other of nodes) {
      if (one.id >= other.id) continue;
      const [a, b] = [places[one.id], places[other.id]];
      expect(Math.abs((a?.x ?? 0) - (b?.x ?? 0)) >= 100 || Math.abs((a?.y ?? 0) - (b?.y ?? 0)) >= 40).toBe(true);
    }
  }
});

test("the same graph has the same places, in whatever order it comes", () => {
  const nodes = ["a", "b", "c", "d"].map((id) => sized(id));
  const calls = ["ab", "ac", "bd", "cd"].map(call);
  expect(layered([...nodes].reverse(), calls, false)).toEqual(layered(nodes, calls, false));
});
