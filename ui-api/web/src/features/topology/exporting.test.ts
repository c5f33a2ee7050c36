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

test("markup in a name is text in SVG", () => {
  const text = svg([{ id: "a", label: '<script>"&\u0007', x: 0, y: 0, colour: "red" }], []);
  expect(text).toContain("&lt;script&gt;&quot;&amp;\uFFFD</text>");
  expect(text).not.toContain("<script");
});
