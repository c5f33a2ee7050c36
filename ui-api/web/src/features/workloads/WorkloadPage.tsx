import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, begun, query, type Schemas } from "@/api/client";
import { Confirm } from "@/shared/Confirm";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded, Page } from "@/shared/Page";
import { milliseconds, rate, share } from "@/shared/numbers";
import { State } from "@/shared/State";
import { Table, type Column } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { TrafficCharts } from "@/features/traffic/TrafficCharts";

const workloadRoute = getRouteApi("/workloads/$workload");

type Workload = Schemas["Workload"];
type Edge = Schemas["Edge"];

export function WorkloadPage() {
  const { workload: id } = workloadRoute.useParams();
  const { span = "15m" } = workloadRoute.useSearch();
  const navigate = workloadRoute.useNavigate();
  const read = query.useQuery("get", "/v1/workloads/{id}", { params: { path: { id } } });
  const shown = read.data;
  return (
    <Page
      title={shown?.name ?? id}
      beside={shown && <span className="tag">{shown.kind}</span>}
      readAt={read.dataUpdatedAt}
      actions={shown && <Withdraw workload={shown} />}
      equivalent={{ cli: `workloads show ${id}`, request: `GET /v1/workloads/${id}`, data: shown, name: id }}
    >
      <Loaded of={read}>
        {(workload) => (
          <>
            <section className="card"><dl className="facts">
              <dt>Mesh</dt>
              <dd><Link to="/meshes/$mesh" params={{ mesh: workload.mesh }}>{workload.mesh}</Link></dd>
              {workload.namespace && <><dt>Namespace</dt><dd className="name">{workload.namespace}</dd></>}
              <dt>Service</dt>
              <dd>
                <Link to="/workloads" search={{ mesh: workload.mesh, service: workload.service }} className="name">{workload.service || "none"}</Link>{" "}
                <span className="soft">version {workload.version || "–"}</span>
              </dd>
              {workload.address && <><dt>Address</dt><dd><code>{workload.address}:{workload.port}</code></dd></>}
              <dt>Observed</dt>
              <dd><Time at={workload.observed_at} /></dd>
            </dl></section>
            {workload.service && (
              <TrafficCharts
                mesh={workload.mesh}
                service={workload.service}
                namespace={workload.namespace}
                version={workload.version}
                span={span}
                onSpan={(next) => void navigate({ search: { span: next }, replace: true })}
              />
            )}
            <h2>Neighbours</h2>
            <Neighbours workload={workload} />
            <h2>Proxies</h2>
            <Proxies id={workload.id} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

const NEIGHBOURS: Column<Edge & { direction: string }>[] = [
  { id: "direction", head: "", cell: (row) => row.direction, width: "5rem" },
  { id: "who", head: "Who", cell: (row) => <span className="name">{row.direction === "from" ? row.source : row.destination}</span> },
  { id: "rate", head: "Requests", cell: (row) => rate(row.rate), align: "end" },
  { id: "errors", head: "Errors", cell: (row) => share(row.error_rate), align: "end" },
  { id: "p50", head: "p50", cell: (row) => milliseconds(row.p50_ms), align: "end", optional: true },
  { id: "p99", head: "p99", cell: (row) => milliseconds(row.p99_ms), align: "end" },
  { id: "mtls", head: "Mutual TLS", cell: (row) => share(row.mutual_tls), align: "end", optional: true },
];

function Neighbours({ workload }: { workload: Workload }) {
  const read = query.useQuery(
    "get",
    "/v1/meshes/{id}/topology",
    { params: { path: { id: workload.mesh } } },
    { refetchInterval: 5000 },
  );
  return (
    <Loaded of={read}>
      {({ edges }) => {
        const same = (namespace: string | undefined): boolean => (namespace ?? "") === workload.namespace;
        const rows = [
          ...edges
            .filter((edge) => edge.destination === workload.service && same(edge.destination_namespace) && (!edge.destination_version || edge.destination_version === workload.version))
            .map((edge) => ({ ...edge, direction: "from" })),
          ...edges.filter((edge) => edge.source === workload.name && same(edge.source_namespace)).map((edge) => ({ ...edge, direction: "to" })),
        ];
        return (
          <Table
            label="Neighbours"
            rows={rows}
            columns={NEIGHBOURS}
            keyOf={(row) => `${row.direction} ${row.source_namespace}/${row.source} ${row.destination_namespace}/${row.destination} ${row.destination_version}`}
            empty={<Empty title="No traffic was measured in the newest window." />}
          />
        );
      }}
    </Loaded>
  );
}

function Proxies({ id }: { id: string }) {
  const read = query.useQuery("get", "/v1/proxies", { params: { query: { workload: id, page_size: 100 } } });
  return (
    <Loaded of={read}>
      {({ items }) => (
        <Table
          label="Proxies"
          rows={items}
          keyOf={(row) => row.id}
          columns={[
            { id: "state", head: "State", cell: (row) => <State state={row.state} /> },
            { id: "name", head: "Proxy", cell: (row) => <Link to="/proxies/$proxy" params={{ proxy: row.id }}>{row.name}</Link> },
            { id: "version", head: "Version", cell: (row) => row.version, optional: true },
            { id: "error", head: "Message", cell: (row) => <span className="name">{row.error}</span>, when: (row) => row.error },
          ]}
          empty={<Empty title="No proxy of this workload is known." command="meshwright proxies list" />}
        />
      )}
    </Loaded>
  );
}

function Withdraw({ workload }: { workload: Workload }) {
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const withdraw = async (reason: string): Promise<void> => {
    const { data } = await api.DELETE("/v1/workloads/{id}", { params: { path: { id: workload.id }, query: { reason } } });
    await navigate({ to: "/operations/$operation", params: { operation: begun(data) } });
  };
  return (
    <>
      <Guarded role="operator" tone="danger" onClick={() => setAsking(true)}>Withdraw</Guarded>
      <Confirm title={`Withdraw ${workload.name} from ${workload.mesh}?`} action="Withdraw" danger open={asking} onClose={() => setAsking(false)} onConfirm={withdraw}>
        <p>Its proxies go, and it is reached without the mesh. Policies for it no longer act.</p>
      </Confirm>
    </>
  );
}
