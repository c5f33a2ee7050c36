/** What is known of the selected node or edge: numbers, charts, versions, policies, recent operations. */
import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { query } from "@/api/client";
import { TrafficCharts } from "@/features/traffic/TrafficCharts";
import { milliseconds, rate, share } from "@/shared/numbers";
import { State } from "@/shared/State";
import { Time } from "@/shared/Time";
import { edgeId, type Link as Edge, type Node, type Topology } from "./elements";

interface Props {
  mesh: string;
  topology: Topology;
  selected: string;
  span: string;
  onSpan(span: string): void;
  onAround(id: string): void;
  onExpand(namespace: string): void;
  onClose(): void;
}

export function SidePanel({ mesh, topology, selected, span, onSpan, onAround, onExpand, onClose }: Props) {
  const node = topology.nodes.find((each) => each.id === selected);
  const edge = topology.links.find((each) => edgeId(each) === selected);
  if (!node && !edge) return null;
  return (
    <aside className="card side-panel" aria-label="Selected">
      <div className="dialog-head">
        <h2 className="name">{node ? node.name || node.id : selected}</h2>
        <button className="button icon" aria-label="Close" onClick={onClose}><X aria-hidden size={16} /></button>
      </div>
      {node && <NodePart mesh={mesh} node={node} span={span} onSpan={onSpan} onAround={onAround} onExpand={onExpand} />}
      {edge && <EdgePart edge={edge} />}
      <Recent mesh={mesh} service={serviceOf(node ?? topology.nodes.find((each) => each.id === edge?.destination))} />
    </aside>
  );
}

/** The service of a node as `name` or `namespace/name`; undefined for what is none. */
function serviceOf(node: Node | undefined): string | undefined {
  if (node?.kind === "version") return node.service || undefined;
  return node?.kind === "service" ? node.id : undefined;
}

/** Whether an intent is for this service or for all; a short name in a design is in the design's namespace. */
function actsOn(intent: object, service: string, namespace: string): boolean {
  const ends = ["service", "source"].map((end) => (intent as Record<string, unknown>)[end]).filter((each) => typeof each === "string");
  const place = service.includes("/") && namespace ? `${namespace}/` : "";
  const short = service.split("/").at(-1);
  return ends.length === 0 || ends.some((each) => each === service || (!each.includes("/") && (place ? place + each === service : each === short)));
}

function NodePart({ mesh, node, span, onSpan, onAround, onExpand }: { mesh: string; node: Node } & Pick<Props, "span" | "onSpan" | "onAround" | "onExpand">) {
  const service = node.kind === "service" || node.kind === "version";
  const name = (node.service || node.id).split("/").at(-1)?.split("@")[0] ?? "";
  return (
    <>
      <p><State state={node.health?.state ?? "idle"} /> {node.health?.because}</p>
      <dl className="facts">
        <dt>Kind</dt><dd>{node.kind}</dd>
        {node.namespace && <><dt>Namespace</dt><dd>{node.namespace}</dd></>}
        {node.kind === "namespace" && <><dt>Inside</dt><dd>{node.service_count} services, {node.workload_count} workloads</dd></>}
        {node.versions.length > 0 && <><dt>Versions</dt><dd>{node.versions.join(", ")}</dd></>}
        <dt>In</dt><dd>{rate(node.inbound?.rate)}, {share(node.inbound?.error_rate)} errors, p99 {milliseconds(node.inbound?.p99_ms)}</dd>
        <dt>Out</dt><dd>{rate(node.outbound?.rate)}, {share(node.outbound?.error_rate)} errors</dd>
        <dt>Mutual TLS</dt><dd>{share(node.inbound?.mutual_tls)}</dd>
        {node.rejected > 0 && <><dt>Proxies</dt><dd><State state="rejected">{node.rejected} rejected</State></dd></>}
      </dl>
      <div className="row">
        <button className="button" onClick={() => onAround(node.id)}>Its neighbourhood</button>
        {node.kind === "namespace" && <button className="button" onClick={() => onExpand(node.name || node.namespace)}>Open</button>}
        {service && <Link className="button" to="/workloads" search={{ mesh, service: name, namespace: node.namespace || undefined }}>Workloads</Link>}
      </div>
      {service && <TrafficCharts mesh={mesh} service={name} namespace={node.namespace || undefined} span={span} onSpan={onSpan} />}
      {service && <Policies mesh={mesh} service={serviceOf(node)} />}
    </>
  );
}

function EdgePart({ edge }: { edge: Edge }) {
  return (
    <>
      <p><State state={edge.health?.state ?? "idle"} /> {edge.health?.because}</p>
      <dl className="facts">
        <dt>Requests</dt><dd>{rate(edge.rate)}</dd>
        <dt>Errors</dt><dd>{share(edge.error_rate)}</dd>
        <dt>p50</dt><dd>{milliseconds(edge.p50_ms)}</dd>
        <dt>p99</dt><dd>{milliseconds(edge.p99_ms)}</dd>
        <dt>Protocol</dt><dd>{edge.protocol || "unknown"}</dd>
        <dt>Mutual TLS</dt><dd>{share(edge.mutual_tls)}</dd>
        {edge.connections !== null && <><dt>Connections</dt><dd>{edge.connections}</dd></>}
      </dl>
    </>
  );
}

/** The applied designs with an intent for this service or for all of the mesh. */
function Policies({ mesh, service }: { mesh: string; service: string | undefined }) {
  const read = query.useQuery("get", "/v1/releases", { params: { query: { mesh, service, state: "applied", page_size: 200 } } });
  const acting = read.data?.items.flatMap((release) =>
    release.design.intents
      .filter((intent) => actsOn(intent, service ?? "", release.design.namespace ?? ""))
      .map((intent) => ({ design: release.design.id, intent: intent.intent })),
  );
  if (!acting?.length) return null;
  return (
    <>
      <h3>Policies that act here</h3>
      <ul className="plain">
        {acting.map((each, index) => (
          <li key={index}><code>{each.intent}</code> by <Link to="/designs/$design" params={{ design: each.design }}>{each.design}</Link></li>
        ))}
      </ul>
    </>
  );
}

function Recent({ mesh, service }: { mesh: string; service: string | undefined }) {
  const read = query.useQuery("get", "/v1/operations", { params: { query: { mesh, service, page_size: 5 } } });
  if (!read.data?.items.length) return null;
  return (
    <>
      <h3>Recent operations on {service ?? mesh}</h3>
      <ul className="plain">
        {read.data.items.map((each) => (
          <li key={each.id} className="row">
            <State state={each.state} /> <Link to="/operations/$operation" params={{ operation: each.id }}>{each.title || each.kind}</Link> <span className="soft"><Time at={each.accepted_at} /></span>
          </li>
        ))}
      </ul>
    </>
  );
}
