/** The graph as files of other tools: DOT (graphviz.org/doc/info/lang.html) and SVG. Names are only ever text. */
import { edgeLabel, nodeLabel, type Shown } from "./elements";
import { CORNERS, ROUND } from "./shapes";

function dotText(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

export function dot(name: string, { nodes, links }: Shown): string {
  const lines = [`digraph ${dotText(name)} {`, "  rankdir=LR;", "  node [shape=box];"];
  const namespaces = [...new Set(nodes.map((node) => (node.kind === "namespace" ? "" : node.namespace)))].sort();
  namespaces.forEach((namespace, index) => {
    const inside = nodes.filter((node) => (node.kind === "namespace" ? "" : node.namespace) === namespace);
    const indent = namespace ? "    " : "  ";
    if (namespace) lines.push(`  subgraph cluster_${index} {`, `    label=${dotText(namespace)};`);
    for (const node of inside) lines.push(`${indent}${dotText(node.id)} [label=${dotText(nodeLabel(node))}];`);
    if (namespace) lines.push("  }");
  });
  for (const link of links) lines.push(`  ${dotText(link.source)} -> ${dotText(link.destination)} [label=${dotText(edgeLabel(link))}];`);
  return [...lines, "}", ""].join("\n");
}

export interface Placed {
  label: string;
  /** its middle */
  x: number;
  y: number;
  width: number;
  height: number;
  classes: string[];
  /** whether others stand in it */
  box: boolean;
  fill: string;
  line: string;
  text: string;
}

export interface Drawn {
  /** from its beginning to its end */
  points: { x: number; y: number }[];
  /** the middle of its text */
  at: { x: number; y: number };
  label: string;
  line: string;
  width: number;
  classes: string[];
}

export interface Colours {
  back: string;
  text: string;
  accent: string;
}

const DASHES: Record<string, string> = { warning: "7 4", failing: "2 3" };

function xml(text: string): string {
  const kept = text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
  return kept.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Lines of text around a middle. */
function words(label: string, x: number, y: number, size: number, more: string): string {
  const lines = label.split("\n");
  const first = y - ((lines.length - 1) * size * 1.25) / 2 + size * 0.36;
  return lines.map((line, index) => `<text x="${x}" y="${first + index * size * 1.25}" font-size="${size}" text-anchor="middle" ${more}>${xml(line)}</text>`).join("");
}

function shape(node: Placed): string {
  const dash = node.classes.includes("idle") && !node.box ? ' stroke-dasharray="5 4"' : "";
  const paint = `fill="${xml(node.fill)}" stroke="${xml(node.line)}" stroke-width="${node.box ? 1 : 2}"${dash}`;
  const corners = CORNERS[["failing", "warning", "external"].find((name) => node.classes.includes(name)) ?? ""];
  if (!corners || node.box) {
    return `<rect x="${node.x - node.width / 2}" y="${node.y - node.height / 2}" width="${node.width}" height="${node.height}" rx="${ROUND}" ${paint}/>`;
  }
  const points = corners.map((part, index) => (index % 2 ? node.y + (part * node.height) / 2 : node.x + (part * node.width) / 2));
  return `<polygon points="${points.join(" ")}" ${paint}/>`;
}

function line({ points, line: colour, width, classes }: Drawn, accent: string): string {
  const dash = DASHES[classes.find((name) => name in DASHES) ?? ""];
  const [from, before, to] = [points[0], points.at(-2), points.at(-1)];
  if (!from || !before || !to) return "";
  const angle = (Math.atan2(to.y - before.y, to.x - before.x) * 180) / Math.PI;
  const secured = classes.includes("mtls") ? `<circle cx="${from.x}" cy="${from.y}" r="4" fill="${xml(accent)}"/>` : "";
  return (
    `<polyline points="${points.map(({ x, y }) => `${x},${y}`).join(" ")}" fill="none" stroke-linejoin="round" stroke="${xml(colour)}" stroke-width="${width}"${dash ? ` stroke-dasharray="${dash}"` : ""}/>` +
    `<path d="M0 0-9-5-9 5z" fill="${xml(colour)}" transform="translate(${to.x} ${to.y}) rotate(${angle})"/>${secured}`
  );
}

/** The picture on the screen: boxes, then edges, then nodes with their shapes, and the texts of the edges on top. */
export function svg(nodes: Placed[], edges: Drawn[], colours: Colours): string {
  const margin = 40;
  const turns = edges.flatMap((edge) => edge.points.map((point) => ({ ...point, width: 0, height: 0 })));
  type Thing = (typeof turns)[number];
  const side = (of: (thing: Thing) => number, pick: (...values: number[]) => number): number => pick(...[...nodes, ...turns].map(of), 0);
  const [left, top] = [side((node) => node.x - node.width / 2, Math.min) - margin, side((node) => node.y - node.height / 2, Math.min) - margin];
  const [right, bottom] = [side((node) => node.x + node.width / 2, Math.max) + margin, side((node) => node.y + node.height / 2, Math.max) + margin];
  const boxes = nodes.filter((node) => node.box);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${left} ${top} ${right - left} ${bottom - top}" font-family="system-ui, sans-serif">`,
    `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="${xml(colours.back)}"/>`,
    ...boxes.map((box) => shape(box) + words(box.label, box.x, box.y - box.height / 2 - 9, 12, `font-weight="600" fill="${xml(box.text)}"`)),
    ...edges.map((edge) => line(edge, colours.accent)),
    ...nodes.filter((node) => !node.box).map((node) => shape(node) + words(node.label, node.x, node.y, 12, `fill="${xml(node.text)}"`)),
    ...edges.filter((edge) => edge.label).map((edge) =>
      words(edge.label, edge.at.x, edge.at.y, 10, `fill="${xml(colours.text)}" stroke="${xml(colours.back)}" stroke-width="3" paint-order="stroke"`)),
    "</svg>",
    "",
  ].join("\n");
}
