/** What a proxy holds itself: its certificates and configuration, as its own admin interface tells when it is asked. */
import { query, type Schemas } from "@/api/client";
import { asProblem } from "@/api/problem";
import { Empty } from "@/shared/Page";
import { Table } from "@/shared/Table";
import { Time } from "@/shared/Time";

export function ProxyAccount({ id }: { id: string }) {
  const read = query.useQuery("get", "/v1/proxies/{id}/account", { params: { path: { id } } }, { retry: false, refetchInterval: false });
  if (read.isPending) return <p className="soft">The proxy is asked…</p>;
  if (!read.data) return <p className="soft">What it holds itself is not known: {asProblem(read.error).detail}</p>;
  return (
    <>
      <Table label="Certificates" rows={read.data.certificates} keyOf={(row) => `${row.role}/${row.serial}`} columns={CERTIFICATES} empty={<Empty title="It holds no certificate." />} />
      <Table label="Configuration that it runs with" rows={read.data.resources} keyOf={(row) => row.type} columns={RESOURCES} empty={<Empty title="It does not tell its configuration." />} />
    </>
  );
}

const CERTIFICATES = [
  { id: "role", head: "Certificate", cell: (row: Schemas["ProxyCertificate"]) => row.role, width: "7rem" },
  { id: "names", head: "Identity", cell: (row: Schemas["ProxyCertificate"]) => <span className="mono name">{row.names.join(", ") || row.subject}</span> },
  { id: "issuer", head: "Issuer", cell: (row: Schemas["ProxyCertificate"]) => <span className="name">{row.issuer}</span> },
  { id: "ends", head: "Ends", cell: (row: Schemas["ProxyCertificate"]) => <Time at={row.not_after} /> },
  { id: "serial", head: "Serial", cell: (row: Schemas["ProxyCertificate"]) => <code>{row.serial}</code>, optional: true },
];

const RESOURCES = [
  { id: "type", head: "Type", cell: (row: Schemas["ProxyResources"]) => row.type },
  {
    id: "count",
    head: "Holds",
    cell: (row: Schemas["ProxyResources"]) => (
      <details>
        <summary>{row.count}</summary>
        <ul className="plain">{row.names.map((each) => <li key={each} className="mono name">{each}</li>)}</ul>
      </details>
    ),
  },
  { id: "version", head: "Version", cell: (row: Schemas["ProxyResources"]) => <code>{row.version}</code>, optional: true },
  { id: "updated", head: "Changed", cell: (row: Schemas["ProxyResources"]) => <Time at={row.updated_at} />, optional: true },
  { id: "problems", head: "Refuses", cell: (row: Schemas["ProxyResources"]) => <span className="wrap">{row.problems.join("; ")}</span> },
];
