import { getRouteApi, Link } from "@tanstack/react-router";
import { query, type Schemas } from "@/api/client";
import { Empty, Loaded, Page } from "@/shared/Page";
import { State } from "@/shared/State";
import { Table } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { ProxyAccount } from "./ProxyAccount";

const proxyRoute = getRouteApi("/proxies/$proxy");

export function ProxyPage() {
  const { proxy: id } = proxyRoute.useParams();
  const read = query.useQuery("get", "/v1/proxies/{id}", { params: { path: { id } } });
  const shown = read.data;
  return (
    <Page
      title={shown?.name ?? id}
      beside={shown && <State state={shown.state} />}
      readAt={read.dataUpdatedAt}
      equivalent={{ cli: `proxies show ${id}`, request: `GET /v1/proxies/${id}`, data: shown, name: id }}
    >
      <Loaded of={read}>
        {(proxy) => (
          <>
            {proxy.error && (
              <div className="note failing">
                <strong>The proxy says</strong>
                <p className="mono">{proxy.error}</p>
              </div>
            )}
            <div className="grid">
              <section className="card">
                <h2>Proxy</h2>
                <Facts proxy={proxy} />
              </section>
              <section className="card">
                <h2>Identity</h2>
                <Identity proxy={proxy} />
              </section>
            </div>
            <h2>Configuration by resource type</h2>
            <Table
              label="Configuration by resource type"
              rows={proxy.sync}
              keyOf={(row) => row.type}
              columns={[
                { id: "state", head: "State", cell: (row) => <State state={row.state} />, width: "9rem" },
                { id: "type", head: "Type", cell: (row) => row.type },
                { id: "sent", head: "Sent", cell: (row) => <code>{row.sent}</code>, optional: true },
                { id: "acked", head: "Acknowledged", cell: (row) => <code>{row.acked}</code>, optional: true },
                { id: "error", head: "Message", cell: (row) => <span className="name" title={row.error}>{row.error}</span> },
              ]}
              empty={<Empty title="This mesh does not report single resource types." />}
            />
            <h2>What the proxy holds itself</h2>
            <ProxyAccount id={id} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Facts({ proxy }: { proxy: Schemas["Proxy"] }) {
  const ports = proxy.details
    ? ([["Outbound port", proxy.details.outbound_port], ["Inbound port", proxy.details.inbound_port]] as const)
    : [];
  return (
    <dl className="facts">
      <dt>Mesh</dt>
      <dd><Link to="/meshes/$mesh" params={{ mesh: proxy.mesh }}>{proxy.mesh}</Link></dd>
      {proxy.workload && <><dt>Workload</dt><dd><Link to="/workloads/$workload" params={{ workload: proxy.workload }} className="name">{proxy.workload}</Link></dd></>}
      {proxy.namespace && <><dt>Namespace</dt><dd>{proxy.namespace}</dd></>}
      {proxy.mode && <><dt>Mode</dt><dd>{proxy.mode}</dd></>}
      {proxy.version && <><dt>Version</dt><dd>{proxy.version}</dd></>}
      {proxy.revision && <><dt>Revision</dt><dd>{proxy.revision}</dd></>}
      {proxy.control_plane && <><dt>Served by</dt><dd>{proxy.control_plane}</dd></>}
      {ports.map(([name, port]) => port && <div key={name} style={{ display: "contents" }}><dt>{name}</dt><dd>{port}</dd></div>)}
      <dt>Sent</dt><dd><code>{proxy.sent || "–"}</code></dd>
      <dt>Acknowledged</dt><dd><code>{proxy.acked || "–"}</code></dd>
      <dt>Observed</dt><dd><Time at={proxy.observed_at} /></dd>
    </dl>
  );
}

function Identity({ proxy }: { proxy: Schemas["Proxy"] }) {
  if (!proxy.certificate) return <p className="soft">No certificate of this proxy is known.</p>;
  const { spiffe_id, serial, not_after } = proxy.certificate;
  return (
    <dl className="facts">
      <dt>SPIFFE ID</dt><dd className="mono">{spiffe_id}</dd>
      <dt>Serial</dt><dd className="mono">{serial}</dd>
      <dt>Ends</dt><dd><Time at={not_after} /></dd>
    </dl>
  );
}
