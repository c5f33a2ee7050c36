/**
 * The drawn graph: places of the cards, ways of the edges and places of their labels, with namespaces as boxes.
 *
 * Invariant: what `routed` promises holds through boxes too. A call into another box leaves its own by a gate at the
 * side, and comes into the other by one: within a box both are edges like the others, and outside it boxes are cards.
 */
import { ranksOf } from "./layers";
import type { Place, Places } from "./places";
import { routed, type Card, type Level, type Way } from "./routed";

export interface Sized {
  id: string;
  width: number;
  height: number;
  /** the box in which it stands */
  box?: string;
}

export interface Call {
  id: string;
  from: string;
  to: string;
  /** the room that its label takes */
  label?: { width: number; height: number };
}

export interface Route {
  /** where it turns between its ends */
  points: Place[];
  label: Place;
}

export interface Drawing {
  places: Places;
  routes: Record<string, Route>;
}

const INSIDE = 40;

/** `down` goes from top to bottom instead of from left to right. */
export function layered(nodes: Sized[], calls: Call[], down: boolean): Drawing {
  const card = ({ id, width, height }: Sized): Card => ({ id, along: down ? height : width, across: down ? width : height });
  const boxOf = new Map(nodes.map((node) => [node.id, node.box ? `box\n${node.box}` : ""]));
  const outer = (id: string): string => boxOf.get(id) || id;
  // Who calls itself needs no way: that is drawn at its card.
  const known = calls.filter((call) => call.from !== call.to && boxOf.has(call.from) && boxOf.has(call.to));
  const ways = known.map((call): Way => ({
    id: call.id,
    from: call.from,
    to: call.to,
    ...(call.label ? { label: { along: down ? call.label.height : call.label.width, across: down ? call.label.width : call.label.height } } : {}),
  }));
  const boxes = [...new Set(boxOf.values())].filter(Boolean).sort();
  const within = ways.filter((way) => boxOf.get(way.from) && boxOf.get(way.from) === boxOf.get(way.to));
  const across = ways.filter((way) => !within.includes(way));
  const ends = across.map((way) => ({ ...way, from: outer(way.from), to: outer(way.to) }));
  const alone = nodes.filter((node) => !node.box);
  const ranks = ranksOf([...boxes, ...alone.map((node) => node.id)], ends);
  const forward = (way: Way): boolean => (ranks.get(outer(way.from)) ?? 0) < (ranks.get(outer(way.to)) ?? 0);
  const levels = new Map(boxes.map((box) => [box, inside(box)]));

  function inside(box: string): Level {
    const cards = nodes.filter((node) => boxOf.get(node.id) === box).map(card);
    const gate = (way: Way, leaving: boolean): Card => ({ id: `gate\n${way.id}`, along: 0, across: 0, side: leaving === forward(way) ? "last" : "first" });
    const leaving = across.filter((way) => boxOf.get(way.from) === box);
    const coming = across.filter((way) => boxOf.get(way.to) === box);
    return routed(
      [...cards, ...leaving.map((way) => gate(way, true)), ...coming.map((way) => gate(way, false))],
      [
        ...within.filter((way) => boxOf.get(way.from) === box),
        ...leaving.map((way) => ({ id: way.id, from: way.from, to: `gate\n${way.id}` })),
        ...coming.map((way) => ({ id: way.id, from: `gate\n${way.id}`, to: way.to })),
      ],
    );
  }

  const gateOf = (id: string, way: Way): number => levels.get(outer(id))?.places.get(`gate\n${way.id}`)?.y ?? 0;
  const around = routed(
    [...alone.map(card), ...[...levels].map(([id, level]): Card => ({ id, along: level.along + 2 * INSIDE, across: level.across + 2 * INSIDE }))],
    across.map((way) => ({ ...way, from: outer(way.from), to: outer(way.to), begins: gateOf(way.from, way), ends: gateOf(way.to, way) })),
  );
  const moved = (box: string, place: Place): Place => {
    const middle = around.places.get(box);
    return { x: place.x + (middle?.x ?? 0), y: place.y + (middle?.y ?? 0) };
  };
  const turned = ({ x, y }: Place): Place => (down ? { x: y, y: x } : { x, y });
  const part = (id: string, way: Way): Place[] => {
    const box = boxOf.get(id) ?? "";
    return (levels.get(box)?.ways.get(way.id)?.points ?? []).map((point) => moved(box, point));
  };
  const drawing: Drawing = { places: {}, routes: {} };
  for (const node of nodes) {
    const box = boxOf.get(node.id) ?? "";
    const place = levels.get(box)?.places.get(node.id);
    drawing.places[node.id] = turned(place ? moved(box, place) : (around.places.get(node.id) ?? { x: 0, y: 0 }));
  }
  for (const way of within) {
    const [box, drawn] = [boxOf.get(way.from) ?? "", levels.get(boxOf.get(way.from) ?? "")?.ways.get(way.id)];
    if (drawn) drawing.routes[way.id] = { points: drawn.points.map((point) => turned(moved(box, point))), label: turned(moved(box, drawn.label)) };
  }
  for (const way of across) {
    const drawn = around.ways.get(way.id);
    if (drawn) drawing.routes[way.id] = { points: [...part(way.from, way), ...drawn.points, ...part(way.to, way)].map(turned), label: turned(drawn.label) };
  }
  return drawing;
}
