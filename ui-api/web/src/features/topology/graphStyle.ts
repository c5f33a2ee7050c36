/** The graph in the colours of the theme. Health is told by colour and by shape. */
import type { StylesheetJson } from "cytoscape";
import { CORNERS, ROUND } from "./shapes";

export function colourOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * `bare`: edges have a text only where they are selected; `large`: they are plain lines too, so that thousands can be
 * drawn.
 */
export function styleOf(bare: boolean, large: boolean): StylesheetJson {
  const text = colourOf("--text");
  const soft = colourOf("--text-soft");
  const polygon = (name: string) => ({ shape: "polygon" as const, "shape-polygon-points": (CORNERS[name] ?? []).join(" ") });
  const health = [
    ["ok", "--ok"],
    ["warning", "--warning"],
    ["failing", "--failing"],
    ["idle", "--idle"],
  ] as const;
  return [
    {
      selector: "node",
      style: {
        label: "data(label)",
        color: text,
        "font-size": 12,
        "font-family": colourOf("--font"),
        "text-wrap": "wrap",
        "text-max-width": "400px",
        "line-height": 1.25,
        "text-valign": "center",
        shape: "round-rectangle",
        "corner-radius": String(ROUND),
        "border-width": 2,
        "min-zoomed-font-size": 6,
      },
    },
    { selector: "node[width]", style: { width: "data(width)", height: "data(height)" } },
    ...health.map(([state, colour]) => ({ selector: `node.${state}`, style: { "background-color": colourOf(`${colour}-soft`), "border-color": colourOf(colour) } })),
    { selector: "node.external", style: polygon("external") },
    { selector: "node.warning", style: polygon("warning") },
    { selector: "node.failing", style: { ...polygon("failing"), "border-width": 3 } },
    { selector: "node.idle", style: { "border-style": "dashed" as const, color: soft } },
    { selector: "node.namespace", style: { "border-style": "double" as const, "border-width": 4 } },
    {
      selector: ":parent",
      style: {
        "background-color": colourOf("--sunken"),
        "background-opacity": 0.6,
        "border-color": colourOf("--line-strong"),
        "border-width": 1,
        shape: "round-rectangle" as const,
        "text-valign": "top" as const,
        "compound-sizing-wrt-labels": large ? ("exclude" as const) : ("include" as const),
        "text-margin-y": -4,
        "font-weight": 600,
        color: soft,
        padding: "20px",
      },
    },
    {
      selector: "edge",
      style: {
        label: bare ? "" : "data(label)",
        color: soft,
        "font-size": 10,
        "font-family": colourOf("--font"),
        "text-wrap": "wrap",
        "line-height": 1.2,
        "text-background-color": colourOf("--surface"),
        "text-background-opacity": 0.9,
        "text-background-padding": "2px",
        "text-background-shape": "roundrectangle",
        "min-zoomed-font-size": 6,
        width: "data(width)",
        "line-color": colourOf("--line-strong"),
        "target-arrow-color": colourOf("--line-strong"),
        "target-arrow-shape": "triangle",
        "curve-style": large ? "haystack" : "bezier",
        "line-opacity": large ? 0.15 : 1,
      },
    },
    // Above its card, which is wide; among thousands the card's numbers tell it.
    { selector: "edge:loop", style: { label: "", display: large ? ("none" as const) : ("element" as const), "curve-style": "bezier" as const, "loop-direction": "0deg", "loop-sweep": "-50deg", "control-point-step-size": 70 } },
    { selector: "edge.ok", style: { "line-color": colourOf("--ok"), "target-arrow-color": colourOf("--ok") } },
    // What has no traffic now does not ask for attention.
    { selector: "edge.idle", style: { label: "", "line-opacity": 0.5 } },
    { selector: "edge.warning", style: { "line-color": colourOf("--warning"), "target-arrow-color": colourOf("--warning"), "line-style": "dashed" as const } },
    { selector: "edge.failing", style: { "line-color": colourOf("--failing"), "target-arrow-color": colourOf("--failing"), "line-style": "dotted" as const } },
    { selector: "edge.mtls", style: { "source-arrow-shape": "circle" as const, "source-arrow-color": colourOf("--accent") } },
    { selector: "edge.near", style: { "line-opacity": 1, "z-index": 9 } },
    { selector: ".faded", style: { opacity: 0.25 } },
    { selector: ".match", style: { "border-color": colourOf("--focus"), "border-width": 4 } },
    { selector: "edge:selected", style: { label: "data(label)", "curve-style": "bezier" as const } },
    { selector: ":selected", style: { "border-color": colourOf("--focus"), "border-width": 4, "line-color": colourOf("--focus"), "target-arrow-color": colourOf("--focus") } },
  ];
}
