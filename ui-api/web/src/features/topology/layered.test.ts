import { expect, test } from "vitest";
import { layered, type Call, type Drawing, type Sized } from "./layered";

const LABEL = { width: 130, height: 30 };
const sized = (id: string, box?: string): Sized => ({ id, width: 70 + id.length * 7, height: id.length % 2 ? 48 : 33, box });
const call = (from: string, to: string): Call => ({ id: `${from} → ${to}`, from, to, label: LABEL });
const calls = (text: string): Call[] => text.split(", ").map((each) => call(...(each.split(">") as [string, string])));
const DEMO = calls("shopper>front, front>checkout, front>catalog, front>reviews, checkout>cart, checkout>payments, cart>catalog, reviews>ratings");
const names = (all: Call[]): string[] => [...new Set(all.flatMap((each) => [each.from, each.to]))].sort();

interface Rect { left: number; right: number; top: number; bottom: number }
const rect = ({ x, y }: { x: number; y: number }, { width, height }: { width: number; height: number }): Rect => ({ left: x - width / 2, right: x + width / 2, top: y - height / 2, bottom: y + height / 2 });
const overlap = (a: Rect, b: Rect): boolean => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Whether the line from a to b has a point within the rectangle (Liang and Barsky, 1984). */
function crosses(a: { x: number; y: number }, b: { x: number; y: number }, box: Rect): boolean {
  let [from, to] = [0, 1];
  for (const [p, q] of [[a.x - b.x, a.x - box.left], [b.x - a.x, box.right - a.x], [a.y - b.y, a.y - box.top], [b.y - a.y, box.bottom - a.y]] as const) {
    if (p === 0 && q <= 0) return false;
    if (p < 0) from = Math.max(from, q / p);
    if (p > 0) to = Math.min(to, q / p);
  }
  return from < to;
}

/** What is wrong with a drawing, in words. */
function faults(nodes: Sized[], all: Call[], { places, routes }: Drawing): string[] {
  const cards = nodes.map((node) => ({ id: node.id, box: rect(places[node.id] ?? { x: NaN, y: NaN }, node) }));
  const labels = all.filter((each) => routes[each.id]).map((each) => ({ id: each.id, box: rect(routes[each.id]?.label ?? { x: NaN, y: NaN }, LABEL) }));
  const found: string[] = [];
  const things = [...cards, ...labels];
  things.forEach((one, index) => things.slice(index + 1).forEach((other) => overlap(one.box, other.box) && found.push(`${one.id} lies on ${other.id}`)));
  for (const { id, from, to } of all) {
    // cytoscape draws no edge that turns at or within its own end, and wants room for the arrow
    const ends = cards.filter((each) => each.id === from || each.id === to).map(({ box }) => ({ left: box.left - 8, right: box.right + 8, top: box.top - 8, bottom: box.bottom + 8 }));
    for (const { x, y } of routes[id]?.points ?? []) if (ends.some((end) => overlap(end, { left: x, right: x, top: y, bottom: y }))) found.push(`${id} turns at its end`);
    const way = [places[from], ...(routes[id]?.points ?? []), places[to]];
    way.slice(1).forEach((point, index) => {
      const before = way[index];
      for (const other of [...cards, ...labels]) {
        if (other.id === from || other.id === to || other.id === id || !point || !before) continue;
        if (crosses(before, point, other.box)) found.push(`${id} crosses ${other.id}`);
      }
    });
  }
  return found;
}

/** The same numbers each time (Lehmer). */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48271) % 2147483647) % below;
}

test.each([false, true])("in the demo no edge goes behind a card, and no label lies on another (down: %s)", (down) => {
  const nodes = names(DEMO).map((id) => sized(id));
  expect(faults(nodes, DEMO, layered(nodes, DEMO, down))).toEqual([]);
});

test.each(Array.from({ length: 30 }, (_, index) => index + 1))("nor in a random graph with circles and boxes (%i)", (seed) => {
  const next = chance(seed);
  const nodes = Array.from({ length: 3 + next(38) }, (_, index) => sized("n".repeat(1 + next(12)) + index, next(3) ? `team-${next(4)}` : undefined));
  const all = new Map(Array.from({ length: next(3 * nodes.length) }, () => call(nodes[next(nodes.length)]?.id ?? "", nodes[next(nodes.length)]?.id ?? "")).map((each) => [each.id, each]));
  const some = [...all.values()].filter((each) => each.from !== each.to);
  expect(faults(nodes, some, layered(nodes, some, seed % 2 === 0))).toEqual([]);
});

test("what is called stands behind all its callers, also where calls make a circle", () => {
  const { places } = layered(["a", "b", "c", "d"].map((id) => sized(id)), calls("a>b, b>c, a>c, c>d, d>b"), false);
  const xs = ["a", "b", "c", "d"].map((id) => places[id]?.x ?? NaN);
  expect([...xs].sort((one, other) => one - other)).toEqual(xs);
});

test("the same graph has the same drawing, in whatever order it comes", () => {
  const nodes = names(DEMO).map((id) => sized(id, id < "d" ? "shop" : undefined));
  expect(layered([...nodes].reverse(), [...DEMO].reverse(), false)).toEqual(layered(nodes, DEMO, false));
});

test("nodes without calls have places too", () => {
  expect(layered([], [], false)).toEqual({ places: {}, routes: {} });
  const nodes = ["a", "b", "c"].map((id) => sized(id, "shop"));
  expect(faults(nodes, [], layered(nodes, [], true))).toEqual([]);
});
