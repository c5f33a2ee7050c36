import { expect, test } from "vitest";
import type { Shown } from "./elements";
import { dot, svg } from "./exporting";

const numbers = { requests: 1, errors: 0, rate: 1, error_rate: 0, p50_ms: null, p90_ms: null, p99_ms: null, mutual_tls: null };
const graph = (id: string): Shown =>
  ({
    nodes: [{ id, name: id, namespace: "s", kind: "service", versions: [], health: null, inbound: null }],
    links: [{ ...numbers, source: id, destination: id }],
  }) as unknown as Shown;

test("a name with quotes and line breaks stays one text in DOT", () => {
  const text = dot("m", graph('a"];\nx -> y; "'));
  expect(text).toContain('"a\\"];\\nx -> y; \\"" [label=');
  expect(text.split("\n").filter((line) => line.trim().startsWith("x ->"))).toEqual([]);
});

const COLOURS = { back: "white", text: "black", accent: "blue" };
const placed = (label: string, health: string, box = false) => ({ label, x: 0, y: 0, width: 80, height: 30, classes: [health], box, fill: "red", line: "red", text: "black" });

test("boxes lie behind the nodes, and a failing node has a shape of its own", () => {
  const text = svg([placed("checkout", "failing"), placed("cart", "ok"), placed("shop", "box", true)], [], COLOURS);
  expect(text.indexOf(">shop<")).toBeLessThan(text.indexOf(">checkout<"));
  expect([text.match(/<polygon/g)?.length, text.match(/<rect/g)?.length]).toEqual([1, 3]);
});

test("markup in a name is text in SVG", () => {
  const text = svg([placed('<script>"&\u0007', "ok")], [], COLOURS);
  expect(text).toContain("&lt;script&gt;&quot;&amp;\uFFFD</text>");
  expect(text).not.toContain("<script");
});

test("an edge goes where it goes on the screen, and its text stands where it stands there", () => {
  const edge = { points: [{ x: 0, y: 0 }, { x: 20, y: -90 }, { x: 40, y: 0 }], at: { x: 20, y: -90 }, label: "2/s", line: "red", width: 1, classes: [] };
  const text = svg([], [edge], COLOURS);
  expect(text).toContain('<polyline points="0,0 20,-90 40,0"');
  expect(text).toMatch(/<text x="20" y="-86/);
  expect(text).toContain('viewBox="-40 -130');
});
