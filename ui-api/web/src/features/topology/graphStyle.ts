/** The graph in the colours of the theme. Health is told by colour and by shape. */
import type { StylesheetJson } from "cytoscape";

export function colourOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** `large`: edges are plain lines, and have a text only where they are selected, so that thousands can be drawn. */
export function styleOf(large: boolean): StylesheetJson {
  const text = colourOf("--text");
  const soft = colourOf("--text-soft");
  const health = [
    ["ok", "--ok", "ellipse"],
    ["warning", "--warning", "triangle"],
    ["failing", "--failing", "octagon"],
    ["idle", "--idle", "ellipse"],
  ] as const;
  return [
    {
      selector: "node",
      style: {
        label: "data(label)",
        color: text,
        "font-size": 11,
        "text-wrap": "wrap",
        "text-max-width": "140px",
        "text-valign": "bottom",
        "text-margin-y": 5,
        width: 26,
        height: 26,
        "border-width": 2,
        "border-color": colourOf("--surface"),
        "min-zoomed-font-size": 7,
      },
    },
    ...health.map(([state, colour, shape]) => ({ selector: `node.${state}`, style: { "background-color": colourOf(colour), shape } })),
    { selector: "node.idle", style: { "background-opacity": 0.35, "border-style": "dashed" as const, "border-color": soft } },
    { selector: "node.namespace", style: { width: 44, height: 44 } },
    { selector: "node.external", style: { shape: "diamond" as const } },
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
        color: soft,
        padding: "18px",
      },
    },
    {
      selector: "edge",
      style: {
        label: large ? "" : "data(label)",
        color: soft,
        "font-size": 9,
        "text-background-color": colourOf("--page"),
        "text-background-opacity": 0.85,
        "text-background-padding": "2px",
        "min-zoomed-font-size": 8,
        width: "data(width)",
        "line-color": colourOf("--line-strong"),
        "target-arrow-color": colourOf("--line-strong"),
        "target-arrow-shape": "triangle",
        "curve-style": large ? "haystack" : "bezier",
      },
    },
    { selector: "edge.ok", style: { "line-color": colourOf("--ok"), "target-arrow-color": colourOf("--ok") } },
    { selector: "edge.warning", style: { "line-color": colourOf("--warning"), "target-arrow-color": colourOf("--warning"), "line-style": "dashed" as const } },
    { selector: "edge.failing", style: { "line-color": colourOf("--failing"), "target-arrow-color": colourOf("--failing"), "line-style": "dotted" as const } },
    { selector: "edge.mtls", style: { "source-arrow-shape": "circle" as const, "source-arrow-color": colourOf("--accent") } },
    { selector: ".faded", style: { opacity: 0.25 } },
    { selector: ".match", style: { "border-color": colourOf("--focus"), "border-width": 4 } },
    { selector: "edge:selected", style: { label: "data(label)", "curve-style": "bezier" as const } },
    { selector: ":selected", style: { "border-color": colourOf("--focus"), "border-width": 4, "line-color": colourOf("--focus") } },
  ];
}
