/** The graph as files of other tools: DOT (graphviz.org/doc/info/lang.html) and SVG. Names are only ever text. */
import { edgeLabel, nodeLabel, type Shown } from "./elements";

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
  id: string;
  label: string;
  x: number;
  y: number;
  colour: string;
}

export interface Drawn {
  from: string;
  to: string;
  label: string;
  colour: string;
}

function xml(text: string): string {
  const kept = text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
  return kept.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

export function svg(nodes: Placed[], links: Drawn[]): string {
  const margin = 90;
  const xs = nodes.map((node) => node.x);
  const ys = nodes.map((node) => node.y);
  const [left, top] = [Math.min(...xs, 0) - margin, Math.min(...ys, 0) - margin];
  const [width, height] = [Math.max(...xs, 0) - left + margin, Math.max(...ys, 0) - top + margin];
  const at = new Map(nodes.map((node) => [node.id, node]));
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${left} ${top} ${width} ${height}" font-family="sans-serif" font-size="11">`,
    '<defs><marker id="a" viewBox="0 0 8 8" refX="18" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
  ];
  for (const link of links) {
    const [from, to] = [at.get(link.from), at.get(link.to)];
    if (!from || !to) continue;
    parts.push(`<line x1="${from.x}" y1="${from.y}" x2="${to.x}" y2="${to.y}" stroke="${xml(link.colour)}" marker-end="url(#a)"/>`);
    parts.push(`<text x="${(from.x + to.x) / 2}" y="${(from.y + to.y) / 2 - 4}" text-anchor="middle">${xml(link.label)}</text>`);
  }
  for (const node of nodes) {
    parts.push(`<circle cx="${node.x}" cy="${node.y}" r="12" fill="${xml(node.colour)}"/>`);
    parts.push(`<text x="${node.x}" y="${node.y + 26}" text-anchor="middle">${xml(node.label)}</text>`);
  }
  return [...parts, "</svg>", ""].join("\n");
}
