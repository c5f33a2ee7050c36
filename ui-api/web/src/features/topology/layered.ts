/**
 * Places in layers, from those who call to those who are called. Invariant: no two boxes overlap; what is called stands
 * behind its callers wherever calls make no circle; the same graph has the same places each time.
 *
 * The layers are the longest ways from the first callers; within a layer nodes stand in the mean order of their
 * neighbours (Sugiyama, Tagawa and Toda, 1981). Boxes are laid out inside first, and then as nodes of their own.
 */
import type { Place, Places } from "./places";

export interface Sized {
  id: string;
  width: number;
  height: number;
  /** the box in which it stands */
  box?: string;
}

export interface Call {
  from: string;
  to: string;
}

interface Part {
  places: Places;
  width: number;
  height: number;
}

const BETWEEN_LAYERS = 130;
const BETWEEN = 34;
const INSIDE = 34;
const SWEEPS = 6;

/** The middle of every node. `down` goes from top to bottom instead of from left to right. */
export function layered(nodes: Sized[], calls: Call[], down: boolean): Places {
  const boxOf = new Map(nodes.map((node) => [node.id, node.box ?? ""]));
  const boxes = [...new Set(nodes.map((node) => node.box ?? "").filter(Boolean))].sort();
  const alone = nodes.filter((node) => !node.box);
  if (!boxes.length) return plain(nodes, calls, down).places;
  const parts = new Map(boxes.map((box) => {
    const inside = nodes.filter((node) => node.box === box);
    return [box, plain(inside, calls.filter((call) => boxOf.get(call.from) === box && boxOf.get(call.to) === box), down)];
  }));
  const outer = (id: string): string => (boxOf.get(id) ? `box ${boxOf.get(id)}` : id);
  const around = [...boxes.map((box): Sized => {
    const part = parts.get(box) as Part;
    return { id: `box ${box}`, width: part.width + 2 * INSIDE, height: part.height + 2 * INSIDE };
  }), ...alone];
  const placed = plain(around, calls.map((call) => ({ from: outer(call.from), to: outer(call.to) })), down).places;
  const places: Places = {};
  for (const node of alone) places[node.id] = placed[node.id] as Place;
  for (const box of boxes) {
    const middle = placed[`box ${box}`] as Place;
    for (const [id, place] of Object.entries(parts.get(box)?.places ?? {})) places[id] = { x: middle.x + place.x, y: middle.y + place.y };
  }
  return places;
}

/** Nodes without boxes, around 0, 0. */
function plain(nodes: Sized[], calls: Call[], down: boolean): Part {
  const layers = ordered(layersOf(nodes, calls), calls);
  const along = (node: Sized): number => (down ? node.height : node.width);
  const across = (node: Sized): number => (down ? node.width : node.height);
  const depth = layers.map((layer) => Math.max(...layer.map(along)));
  const breadth = layers.map((layer) => layer.reduce((sum, node) => sum + across(node) + BETWEEN, -BETWEEN));
  const [length, widest] = [depth.reduce((sum, each) => sum + each + BETWEEN_LAYERS, -BETWEEN_LAYERS), Math.max(...breadth, 0)];
  const places: Places = {};
  let at = -length / 2;
  layers.forEach((layer, index) => {
    let beside = -(breadth[index] ?? 0) / 2;
    for (const node of layer) {
      const [main, cross] = [at + (depth[index] ?? 0) / 2, beside + across(node) / 2];
      places[node.id] = down ? { x: cross, y: main } : { x: main, y: cross };
      beside += across(node) + BETWEEN;
    }
    at += (depth[index] ?? 0) + BETWEEN_LAYERS;
  });
  return { places, width: down ? widest : length, height: down ? length : widest };
}

/** The layers by the longest way to a node; calls that close a circle do not count. Nodes without calls come last. */
function layersOf(nodes: Sized[], calls: Call[]): Sized[][] {
  const callees = neighbours(nodes, calls, "from", "to");
  const callers = neighbours(nodes, calls, "to", "from");
  const rank = new Map<string, number>();
  const open = new Set<string>();
  const order: string[] = [];
  const back = new Set<string>();
  const visit = (id: string): void => {
    if (rank.has(id)) return;
    rank.set(id, 0);
    open.add(id);
    for (const next of callees.get(id) ?? []) {
      if (open.has(next)) back.add(`${id}\n${next}`);
      else visit(next);
    }
    open.delete(id);
    order.unshift(id);
  };
  const ids = nodes.map((node) => node.id).sort();
  const first = ids.filter((id) => !callers.get(id)?.length);
  for (const id of [...first, ...ids]) visit(id);
  for (const id of order) {
    for (const next of callees.get(id) ?? []) {
      if (!back.has(`${id}\n${next}`)) rank.set(next, Math.max(rank.get(next) ?? 0, (rank.get(id) ?? 0) + 1));
    }
  }
  const idle = nodes.filter((node) => !callers.get(node.id)?.length && !callees.get(node.id)?.length);
  const busy = nodes.filter((node) => !idle.includes(node));
  const layers: Sized[][] = [];
  for (const node of busy.sort((one, other) => (one.id < other.id ? -1 : 1))) (layers[rank.get(node.id) ?? 0] ??= []).push(node);
  return [...layers.filter((layer) => layer?.length), ...rows(idle)];
}

/** Nodes without calls in a square. */
function rows(idle: Sized[]): Sized[][] {
  const size = Math.ceil(Math.sqrt(idle.length * 2));
  return Array.from({ length: Math.ceil(idle.length / Math.max(size, 1)) }, (_, index) => idle.slice(index * size, (index + 1) * size));
}

/** Each layer in the mean order of the neighbours in the layers around it. */
function ordered(layers: Sized[][], calls: Call[]): Sized[][] {
  const all = layers.flat();
  const near = [neighbours(all, calls, "to", "from"), neighbours(all, calls, "from", "to")] as const;
  const position = new Map<string, number>();
  const number = (layer: Sized[]): void => layer.forEach((node, index) => position.set(node.id, index - layer.length / 2));
  layers.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const [side, sequence] = sweep % 2 ? [near[1], [...layers].reverse()] : [near[0], layers];
    for (const layer of sequence) {
      const mean = new Map(layer.map((node) => {
        const around = (side.get(node.id) ?? []).map((id) => position.get(id) ?? 0);
        return [node.id, around.length ? around.reduce((sum, each) => sum + each, 0) / around.length : (position.get(node.id) ?? 0)];
      }));
      layer.sort((one, other) => (mean.get(one.id) ?? 0) - (mean.get(other.id) ?? 0));
      number(layer);
    }
  }
  return layers;
}

function neighbours(nodes: Sized[], calls: Call[], of: "from" | "to", to: "from" | "to"): Map<string, string[]> {
  const known = new Map<string, string[]>(nodes.map((node) => [node.id, []]));
  for (const call of calls) if (call.from !== call.to && known.has(call[to])) known.get(call[of])?.push(call[to]);
  return known;
}
