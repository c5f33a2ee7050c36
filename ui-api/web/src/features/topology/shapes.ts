/**
 * The shapes of nodes. Invariant: health is told by the shape as well as by the colour, and the screen and the SVG file
 * draw the same points.
 */
import type { Node } from "./elements";

/** Corners from -1 to 1 of half the width and height; none means a rectangle with round corners. */
export const CORNERS: Record<string, number[]> = {
  warning: [-0.88, -1, 0.88, -1, 1, 0, 0.88, 1, -0.88, 1, -1, 0],
  failing: [-0.84, -1, 0.84, -1, 1, -0.4, 1, 0.4, 0.84, 1, -0.84, 1, -1, 0.4, -1, -0.4],
  external: [-0.84, -1, 1, -1, 0.84, 1, -1, 1],
};
export const ROUND = 8;
const GLYPHS: Record<string, string> = { warning: "▲ ", failing: "✖ ", idle: "◌ " };
const CHARACTER = 6.9;
const LINE = 15;

export function glyphOf(node: Node): string {
  return GLYPHS[node.health?.state ?? "idle"] ?? "";
}

/** The size of a node around its text, in the graph's own units. */
export function sizeOf(label: string): { width: number; height: number } {
  const lines = label.split("\n");
  const longest = Math.max(...lines.map((line) => line.length));
  return { width: Math.round(Math.max(longest * CHARACTER + 30, 72)), height: lines.length * LINE + 18 };
}

const SMALL_CHARACTER = 6;
const SMALL_LINE = 13;

/** The room for the text of an edge: no less than for the usual one, as its numbers will be others. */
export function textSize(label: string): { width: number; height: number } {
  const lines = label.split("\n");
  return { width: Math.max(...lines.map((line) => line.length * SMALL_CHARACTER + 10), 140), height: Math.max(lines.length, 2) * SMALL_LINE + 6 };
}
