/**
 * Places and ways for one level of a graph: cards in layers, and between them a slot for every edge that goes by.
 *
 * Invariant: in a layer each card and each edge has a slot of its own, through which it goes straight; it changes its
 * slot only in the gaps between layers, where nothing stands. So no edge crosses a card that is not its end, no label
 * lies on a card, and no two labels overlap.
 */
import { meanOf, neighbours, ordered, ranksOf } from "./layers";
import type { Place } from "./places";

/** A card, measured along the calls and across them. */
export interface Card {
  id: string;
  along: number;
  across: number;
  /** where calls come into a box, or leave it: before all others, or behind them */
  side?: "first" | "last";
}

export interface Way {
  id: string;
  from: string;
  to: string;
  /** the room that its label takes; none for a line alone */
  label?: { along: number; across: number };
  /** how far from the middle of the card it begins and ends, across */
  begins?: number;
  ends?: number;
}

/** Points along (x) and across (y), around 0, 0. */
export interface Level {
  places: Map<string, Place>;
  ways: Map<string, { points: Place[]; label: Place }>;
  along: number;
  across: number;
}

const GAP = 48;
/** how far an edge goes straight from its card, with its arrow: it must not turn on the border, where it has no end */
const STRAIGHT = 16;
const BETWEEN = 26;
const LINE = 12;
const SWEEPS = 12;

interface Slot {
  id: string;
  along: number;
  across: number;
}

export function routed(cards: Card[], ways: Way[]): Level {
  const going = ways.filter((way) => way.from !== way.to);
  const calling = new Set(going.flatMap((way) => [way.from, way.to]));
  const { layers, chains } = slotted(cards.filter((card) => calling.has(card.id)), going);
  const slots = new Map(layers.flat().map((slot) => [slot.id, slot]));
  const links = chains.flatMap(({ ids }) => ids.slice(1).map((to, index) => ({ from: ids[index] ?? "", to })));
  const sorted = ordered(layers.map((layer) => layer.map((slot) => slot.id)), links);
  const across = acrossOf(sorted, slots, links);
  const { middles, halves, length } = alongOf(sorted, slots);
  const at = (id: string, side: -1 | 0 | 1, [out, beside] = [0, 0]): Place => {
    const layer = layerOf.get(id) ?? 0;
    return { x: (middles[layer] ?? 0) + side * ((halves[layer] ?? 0) + out), y: (across.get(id) ?? 0) + beside };
  };
  const layerOf = new Map(sorted.flatMap((layer, index) => layer.map((id): [string, number] => [id, index])));
  const drawn: Level["ways"] = new Map();
  for (const { way, ids, turned } of chains) {
    const [first, last, between] = [ids[0] ?? "", ids.at(-1) ?? "", ids.slice(1, -1)];
    const [begins = 0, ends = 0] = turned ? [way.ends, way.begins] : [way.begins, way.ends];
    const points = [at(first, 1, [STRAIGHT, begins]), ...between.flatMap((id) => [at(id, -1), at(id, 1)]), at(last, -1, [STRAIGHT, ends])];
    drawn.set(way.id, { points: turned ? points.reverse() : points, label: at(between[(between.length - 1) / 2] ?? first, 0) });
  }
  const tops = sorted.flat().map((id) => (across.get(id) ?? 0) - (slots.get(id)?.across ?? 0) / 2);
  const bottoms = sorted.flat().map((id) => (across.get(id) ?? 0) + (slots.get(id)?.across ?? 0) / 2);
  const [top, under] = [least(tops), -least(bottoms.map((each) => -each))];
  const idle = below(cards.filter((card) => !calling.has(card.id)), sorted.length ? under + BETWEEN : under);
  const bottom = Math.max(under, idle.bottom);
  const shift = ({ x, y }: Place): Place => ({ x: Math.round(x), y: Math.round(y - (top + bottom) / 2) });
  return {
    places: new Map(cards.map((card) => [card.id, shift(idle.places.get(card.id) ?? at(card.id, 0))])),
    ways: new Map([...drawn].map(([id, { points, label }]) => [id, { points: points.map(shift), label: shift(label) }])),
    along: Math.max(length, idle.along),
    across: bottom - top,
  };
}

function least(values: number[]): number {
  return values.length ? values.reduce((one, other) => Math.min(one, other)) : 0;
}

interface Chain {
  way: Way;
  ids: string[];
  /** it goes against the layers */
  turned: boolean;
}

/** Layers of cards at even numbers and of edges alone at odd ones, with a slot in each layer that an edge goes by. */
function slotted(cards: Card[], ways: Way[]): { layers: Slot[][]; chains: Chain[] } {
  const ranks = ranksOf(cards.map((card) => card.id), ways);
  const highest = -least([...ranks.values()].map((each) => -each));
  for (const card of cards) if (card.side) ranks.set(card.id, card.side === "first" ? -1 : highest + 1);
  const numbers = [...new Set(ranks.values())].sort((one, other) => one - other);
  const layers: Slot[][] = Array.from({ length: Math.max(numbers.length * 2 - 1, 0) }, () => []);
  const number = new Map(cards.map((card) => [card.id, numbers.indexOf(ranks.get(card.id) ?? 0) * 2]));
  for (const card of [...cards].sort(byId)) layers[number.get(card.id) ?? 0]?.push(card);
  const chains = [...ways].sort(byId).map((way): Chain => {
    const turned = (number.get(way.from) ?? 0) > (number.get(way.to) ?? 0);
    const [first, last] = turned ? [way.to, way.from] : [way.from, way.to];
    const [begin, end] = [number.get(first) ?? 0, number.get(last) ?? 0];
    const between = Array.from({ length: end - begin - 1 }, (_, index): Slot => {
      const layer = begin + 1 + index;
      const room = layer === (begin + end) / 2 ? way.label : undefined;
      const slot = { id: `${way.id}\n${layer}`, along: room?.along ?? 0, across: room?.across ?? LINE };
      layers[layer]?.push(slot);
      return slot;
    });
    return { way, ids: [first, ...between.map((slot) => slot.id), last], turned };
  });
  return { layers, chains };
}

/** Cards without calls, in rows below everything else. */
function below(idle: Card[], top: number): { places: Map<string, Place>; along: number; bottom: number } {
  const sorted = [...idle].sort(byId);
  const size = Math.max(Math.ceil(Math.sqrt(idle.length * 2)), 1);
  const places = new Map<string, Place>();
  let [along, bottom] = [0, top];
  for (let first = 0; first < sorted.length; first += size) {
    const row = sorted.slice(first, first + size);
    const length = row.reduce((sum, card) => sum + card.along + GAP, -GAP);
    const height = -least(row.map((card) => -card.across));
    let x = -length / 2;
    for (const card of row) {
      places.set(card.id, { x: x + card.along / 2, y: bottom + height / 2 });
      x += card.along + GAP;
    }
    along = Math.max(along, length);
    bottom += height + BETWEEN;
  }
  return { places, along, bottom: idle.length ? bottom - BETWEEN : top };
}

function byId(one: { id: string }, other: { id: string }): number {
  return one.id < other.id ? -1 : 1;
}

/** The middle of each layer along the calls, half of its depth, and the length of all. */
function alongOf(layers: string[][], slots: Map<string, Slot>): { middles: number[]; halves: number[]; length: number } {
  const depths = layers.map((layer) => layer.reduce((most, id) => Math.max(most, slots.get(id)?.along ?? 0), 0));
  const length = depths.reduce((sum, depth) => sum + depth + GAP, -GAP);
  let at = -length / 2;
  const middles = depths.map((depth) => {
    const middle = at + depth / 2;
    at += depth + GAP;
    return middle;
  });
  return { middles, halves: depths.map((depth) => depth / 2), length };
}

/** Every slot as near to its neighbours as the order and the room of the others let it. */
function acrossOf(layers: string[][], slots: Map<string, Slot>, links: { from: string; to: string }[]): Map<string, number> {
  const all = layers.flat();
  const [before, after] = [neighbours(all, links, "to", "from"), neighbours(all, links, "from", "to")];
  const values = new Map<string, number>();
  for (const layer of layers) settle(layer, slots, new Map(layer.map((id) => [id, 0]))).forEach((value, index) => values.set(layer[index] ?? "", value));
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const sequence = sweep % 2 ? [...layers].reverse() : layers;
    for (const layer of sequence) {
      const wanted = new Map(layer.map((id) => {
        const near = [...(before.get(id) ?? []), ...(after.get(id) ?? [])];
        return [id, meanOf(near, values) ?? 0];
      }));
      settle(layer, slots, wanted).forEach((value, index) => values.set(layer[index] ?? "", value));
    }
  }
  return values;
}

/** The places nearest to the wanted ones in which all stand apart, in this order (isotonic regression, pooled). */
function settle(layer: string[], slots: Map<string, Slot>, wanted: Map<string, number>): number[] {
  let room = 0;
  const offsets = layer.map((id, index) => {
    const [size, previous] = [slots.get(id)?.across ?? 0, slots.get(layer[index - 1] ?? "")?.across ?? 0];
    room += index ? (size + previous) / 2 + (size > LINE || previous > LINE ? BETWEEN / 2 : 0) + 2 : 0;
    return room;
  });
  const pools: { sum: number; count: number }[] = [];
  layer.forEach((id, index) => {
    let pool = { sum: (wanted.get(id) ?? 0) - (offsets[index] ?? 0), count: 1 };
    for (let last = pools.at(-1); last && last.sum / last.count > pool.sum / pool.count; last = pools.at(-1)) {
      pools.pop();
      pool = { sum: pool.sum + last.sum, count: pool.count + last.count };
    }
    pools.push(pool);
  });
  const means = pools.flatMap(({ sum, count }) => Array.from({ length: count }, () => sum / count));
  return means.map((mean, index) => mean + (offsets[index] ?? 0));
}
