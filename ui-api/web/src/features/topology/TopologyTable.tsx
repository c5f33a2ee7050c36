/** The same as the graph, for those who cannot use one. */
import { Empty } from "@/shared/Page";
import { milliseconds, rate, share } from "@/shared/numbers";
import { State } from "@/shared/State";
import { Table, type Column } from "@/shared/Table";
import type { Link, Node, Shown } from "./elements";
import { edgeId } from "./elements";

export function TopologyTable({ shown, onSelect }: { shown: Shown; onSelect(id: string): void }) {
  const nodes: Column<Node>[] = [
    { id: "health", head: "Health", cell: (row) => <State state={row.health?.state ?? "idle"} /> },
    { id: "name", head: "Name", cell: (row) => <button type="button" className="link name" onClick={() => onSelect(row.id)}>{row.name || row.id}</button> },
    { id: "namespace", head: "Namespace", cell: (row) => row.namespace, when: (row) => row.namespace },
    { id: "kind", head: "Kind", cell: (row) => row.kind, optional: true },
    { id: "versions", head: "Versions", cell: (row) => row.versions.join(", "), optional: true },
    { id: "rate", head: "Requests in", cell: (row) => rate(row.inbound?.rate), align: "end" },
    { id: "errors", head: "Errors", cell: (row) => share(row.inbound?.error_rate), align: "end" },
    { id: "p99", head: "p99", cell: (row) => milliseconds(row.inbound?.p99_ms), align: "end" },
    { id: "because", head: "Why", cell: (row) => <span className="wrap">{row.health?.because}</span>, optional: true, when: (row) => row.health?.because },
  ];
  const links: Column<Link>[] = [
    { id: "health", head: "Health", cell: (row) => <State state={row.health?.state ?? "idle"} /> },
    { id: "from", head: "From", cell: (row) => <span className="name">{row.source}</span> },
    { id: "to", head: "To", cell: (row) => <span className="name">{row.destination}</span> },
    { id: "protocol", head: "Protocol", cell: (row) => row.protocol, optional: true },
    { id: "rate", head: "Requests", cell: (row) => rate(row.rate), align: "end" },
    { id: "errors", head: "Errors", cell: (row) => share(row.error_rate), align: "end" },
    { id: "p50", head: "p50", cell: (row) => milliseconds(row.p50_ms), align: "end", optional: true },
    { id: "p99", head: "p99", cell: (row) => milliseconds(row.p99_ms), align: "end" },
    { id: "mtls", head: "Mutual TLS", cell: (row) => share(row.mutual_tls), align: "end", optional: true },
  ];
  return (
    <>
      <h2>Services</h2>
      <Table label="Services" rows={shown.nodes} columns={nodes} keyOf={(row) => row.id} empty={<Empty title="Nothing is shown." />} />
      <h2>Traffic</h2>
      <Table label="Traffic" rows={shown.links} columns={links} keyOf={edgeId} empty={<Empty title="No traffic was measured." />} />
    </>
  );
}
