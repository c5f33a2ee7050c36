/**
 * Where the nodes of the graph stand. Invariant: what has a place keeps it; what is new is put where its neighbours or
 * its namespace are, and no two nodes share a place.
 */
export interface Place {
  x: number;
  y: number;
}

export type Places = Record<string, Place>;

const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));
const APART = 80;
/** between two cards */
const GAP = { x: 24, y: 32 };
const BETWEEN = 90;

/** The place number `index` around a point: a spiral, in which no two places are near each other. */
export function around({ x, y }: Place, index: number): Place {
  const radius = APART * Math.sqrt(index);
  return { x: x + radius * Math.cos(index * GOLDEN_ANGLE), y: y + radius * Math.sin(index * GOLDEN_ANGLE) };
}

/**
 * Places for a graph that is too large for layers: namespaces as boxes in rows, and the cards of each in a square. It
 * takes milliseconds, and is the same each time.
 */
export function inBoxes(nodes: { id: string; namespace: string; width: number; height: number }[]): Places {
  const cell = { x: Math.max(...nodes.map((node) => node.width)) + GAP.x, y: Math.max(...nodes.map((node) => node.height)) + GAP.y };
  const boxes = new Map<string, { id: string }[]>();
  for (const node of nodes) boxes.set(node.namespace, [...(boxes.get(node.namespace) ?? []), node]);
  const names = [...boxes.keys()].sort();
  const places: Places = {};
  const rowWidth = Math.sqrt(nodes.length * cell.x * cell.y * 2.4);
  let [left, top, rowHeight] = [0, 0, 0];
  for (const name of names) {
    const inside = boxes.get(name) ?? [];
    const columns = Math.ceil(Math.sqrt((inside.length * cell.y * 1.6) / cell.x));
    const [width, height] = [columns * cell.x, Math.ceil(inside.length / columns) * cell.y];
    if (left > 0 && left + width > rowWidth) [left, top, rowHeight] = [0, top + rowHeight + BETWEEN, 0];
    inside.forEach((node, index) => {
      places[node.id] = { x: left + (index % columns) * cell.x, y: top + Math.floor(index / columns) * cell.y };
    });
    left += width + BETWEEN;
    rowHeight = Math.max(rowHeight, height);
  }
  return places;
}

/** What the tab remembers of a graph. */
export function recalled<T extends object = Places>(memory: string): T {
  try {
    return JSON.parse(sessionStorage.getItem(memory) ?? "{}") as T;
  } catch {
    return {} as T;
  }
}

export function remember(memory: string, things: object): void {
  keep(memory, { ...recalled(memory), ...things });
}

/** Forgets some of it, or all. */
export function forget(memory: string, ids?: string[]): void {
  const left = Object.entries(recalled<Record<string, unknown>>(memory)).filter(([id]) => ids && !ids.includes(id));
  keep(memory, Object.fromEntries(left));
}

function keep(memory: string, things: object): void {
  try {
    sessionStorage.setItem(memory, JSON.stringify(things));
  } catch {
    // The browser keeps nothing: the next layout is computed again.
  }
}
