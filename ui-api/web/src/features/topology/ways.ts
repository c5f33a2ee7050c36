/** The ways of edges as cytoscape draws them: turning points by their share of the line between the ends, and beside it. */
import type { Route } from "./layered";
import type { Place } from "./places";

export type Routes = Record<string, Route>;

/** cytoscape's style of an edge with this way; `from` and `to` are the middles of its ends. */
export function wayOf({ points, label }: Route, from: Place, to: Place): Record<string, unknown> {
  const turns = even(points.filter((point, index) => point.x !== points[index - 1]?.x || point.y !== points[index - 1]?.y));
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const [one, other] = [turns[turns.length / 2 - 1] ?? from, turns[turns.length / 2] ?? to];
  return {
    "curve-style": "round-segments",
    "edge-distances": "node-position",
    "segment-weights": turns.map(({ x, y }) => ((x - from.x) * dx + (y - from.y) * dy) / length ** 2),
    "segment-distances": turns.map(({ x, y }) => ((y - from.y) * dx - (x - from.x) * dy) / length),
    "segment-radii": turns.map(() => 14),
    // The label would stand half-way: it is moved into the room that is kept for it.
    "text-margin-x": label.x - (one.x + other.x) / 2,
    "text-margin-y": label.y - (one.y + other.y) / 2,
  };
}

/** Half-way is between two points only where their number is even. */
function even(points: Place[]): Place[] {
  const [first, second] = points;
  if (points.length % 2 === 0 || !first || !second) return points;
  return [first, { x: (first.x + second.x) / 2, y: (first.y + second.y) / 2 }, ...points.slice(1)];
}
