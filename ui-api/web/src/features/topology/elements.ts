/** The graph as cytoscape elements: namespaces are boxes, health is a colour and a shape. */
import type { ElementDefinition } from "cytoscape";
import type { Schemas } from "@/api/client";
import { milliseconds, rate, share } from "@/shared/numbers";
import { glyphOf, sizeOf } from "./shapes";
import type { Subject, Test } from "./expression";

export type Topology = Schemas["Topology"];
export type Node = Schemas["TopologyNode"];
export type Link = Schemas["TopologyLink"];

export function subjectOf(node: Node): Subject {
  return {
    name: node.name || node.id,
    namespace: node.namespace,
    version: node.versions.join(","),
    kind: node.kind,
    health: node.health?.state ?? "idle",
    rate: node.inbound?.rate ?? 0,
    errors: node.inbound?.error_rate ?? 0,
    p99: node.inbound?.p99_ms ?? 0,
    mtls: node.inbound?.mutual_tls ?? 0,
  };
}

export interface Shown {
  nodes: Node[];
  links: Link[];
}

/** What is left after hiding, and around the chosen node where one is. */
export function shown(topology: Topology, hide: Test | null, around: string): Shown {
  let nodes = topology.nodes.filter((node) => !hide?.(subjectOf(node)));
  if (around && nodes.some((node) => node.id === around)) {
    const near = new Set([around]);
    for (const link of topology.links) {
      if (link.source === around) near.add(link.destination);
      if (link.destination === around) near.add(link.source);
    }
    nodes = nodes.filter((node) => near.has(node.id));
  }
  const kept = new Set(nodes.map((node) => node.id));
  return { nodes, links: topology.links.filter((link) => kept.has(link.source) && kept.has(link.destination)) };
}

const BOX = "box:";
/** characters of a name that are drawn */
const NAME = 34;

export function elementsOf({ nodes, links }: Shown, find: Test | null): ElementDefinition[] {
  const boxes = [...new Set(nodes.filter((node) => node.kind !== "namespace").map((node) => node.namespace).filter(Boolean))];
  return [
    ...boxes.map((namespace): ElementDefinition => ({ group: "nodes", data: { id: BOX + namespace, label: namespace }, classes: "box" })),
    ...nodes.map((node): ElementDefinition => ({
      group: "nodes",
      data: {
        id: node.id,
        label: glyphOf(node) + nodeLabel(node),
        ...sizeOf(glyphOf(node) + nodeLabel(node)),
        ...(node.kind !== "namespace" && node.namespace ? { parent: BOX + node.namespace } : {}),
      },
      classes: [node.kind, node.health?.state ?? "idle", find ? (find(subjectOf(node)) ? "match" : "faded") : ""].filter(Boolean).join(" "),
    })),
    ...links.map((link): ElementDefinition => ({
      group: "edges",
      data: { id: edgeId(link), source: link.source, target: link.destination, label: edgeLabel(link), width: width(link.rate) },
      classes: [link.health?.state ?? "idle", link.mutual_tls === 1 ? "mtls" : ""].filter(Boolean).join(" "),
    })),
  ];
}

export function edgeId(link: Link): string {
  return `${link.source} → ${link.destination}`;
}

export function nodeLabel(node: Node): string {
  const name = node.name || node.id;
  const inside = node.kind === "namespace" ? `${node.service_count} services, ${node.workload_count} workloads` : "";
  const version = node.kind === "version" ? node.versions.join(", ") : "";
  const versions = node.kind === "service" && node.versions.length > 1 ? node.versions.join(" ") : "";
  const more = inside || version || (versions.length > 24 ? `${node.versions.length} versions` : versions);
  return more ? `${shortened(name)}\n${more}` : shortened(name);
}

/** Names may have 253 characters; the panel and the table have all of them. */
function shortened(name: string): string {
  return name.length > NAME ? `${name.slice(0, NAME - 9)}…${name.slice(-8)}` : name;
}

export function edgeLabel(link: Link): string {
  const secured = link.mutual_tls === null || link.mutual_tls === undefined ? "" : link.mutual_tls === 1 ? "mTLS" : `${share(link.mutual_tls)} mTLS`;
  const first = [
    link.protocol,
    secured,
    link.protocol === "tcp" ? `${link.connections ?? 0} connections` : rate(link.rate),
    link.error_rate > 0 ? `${share(link.error_rate)} errors` : "",
  ];
  const times = [link.p50_ms === null ? "" : `p50 ${milliseconds(link.p50_ms)}`, link.p99_ms === null ? "" : `p99 ${milliseconds(link.p99_ms)}`];
  return [first, times].map((parts) => parts.filter(Boolean).join(" · ")).filter(Boolean).join("\n");
}

function width(perSecond: number): number {
  return Math.round(Math.min(1 + Math.log10(1 + perSecond) * 1.6, 7) * 2) / 2;
}
