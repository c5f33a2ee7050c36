import { expect, test } from "vitest";
import { elementsOf, shown, type Topology } from "./elements";
import { parse } from "./expression";

const numbers = { requests: 10, errors: 0, rate: 1, error_rate: 0, p50_ms: 1, p90_ms: 2, p99_ms: 3, mutual_tls: 1 };
const node = (id: string, namespace = "shop") => ({
  id, namespace, name: id, kind: "service", service: "", workloads: [], versions: ["v1"], workload_count: 1, service_count: 0,
  rejected: 0, stale: 0, health: { state: "ok", because: "" }, inbound: numbers, outbound: null,
});
const link = (source: string, destination: string) => ({ ...numbers, source, destination, protocol: "http", connections: null, sent_bytes: null, received_bytes: null, health: { state: "failing", because: "" } });
const GRAPH = { nodes: [node("a"), node("b"), node("c", ""), node("d")], links: [link("a", "b"), link("b", "c")] } as unknown as Topology;

test("namespaces are boxes around their nodes", () => {
  const elements = elementsOf(shown(GRAPH, null, ""), null);
  expect(elements.find((each) => each.data.id === "box:shop")?.classes).toBe("box");
  expect(elements.find((each) => each.data.id === "a")?.data.parent).toBe("box:shop");
  expect(elements.find((each) => each.data.id === "c")?.data.parent).toBeUndefined();
});

test("a hidden node takes its edges with it", () => {
  const { nodes, links } = shown(GRAPH, parse("name = b"), "");
  expect([nodes.map((each) => each.id), links]).toEqual([["a", "c", "d"], []]);
});

test("the neighbourhood of a node is itself and whom it talks with", () => {
  expect(shown(GRAPH, null, "a").nodes.map((each) => each.id)).toEqual(["a", "b"]);
  expect(shown(GRAPH, null, "gone").nodes).toHaveLength(4);
});

test("what is found is marked, and the rest is faded", () => {
  const classes = Object.fromEntries(elementsOf(shown(GRAPH, null, ""), parse("name = a")).map((each) => [each.data.id, each.classes]));
  expect([classes.a, classes.b]).toEqual(["service ok match", "service ok faded"]);
});
