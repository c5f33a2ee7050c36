import { getRouteApi, Link } from "@tanstack/react-router";
import { query, type Schemas } from "@/api/client";
import { COLUMNS as PROXY_COLUMNS } from "@/features/proxies/ProxiesPage";
import { COLUMNS as WORKLOAD_COLUMNS } from "@/features/workloads/WorkloadsPage";
import { TrafficCharts } from "@/features/traffic/TrafficCharts";
import { Empty, Loaded, Page } from "@/shared/Page";
import { PAGED, rowsOf } from "@/shared/paging";
import { State } from "@/shared/State";
import { Table } from "@/shared/Table";
import { Tabs } from "@/shared/Tabs";
import { Time } from "@/shared/Time";
import { IntentMatrix } from "./IntentMatrix";
import { MeshActions } from "./MeshActions";

const meshRoute = getRouteApi("/meshes/$mesh");

export function MeshPage() {
  const { mesh: id } = meshRoute.useParams();
  const { tab = "state", span = "15m" } = meshRoute.useSearch();
  const navigate = meshRoute.useNavigate();
  const set = (change: Record<string, string | undefined>): void =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const read = query.useQuery("get", "/v1/meshes/{id}", { params: { path: { id } } });
  const shown = read.data;
  return (
    <Page
      title={id}
      beside={shown && <><State state={shown.state} /><span className="soft">{shown.kind} {shown.version}</span></>}
      readAt={read.dataUpdatedAt}
      actions={shown && <MeshActions mesh={shown} />}
      equivalent={{ cli: `meshes show ${id}`, request: `GET /v1/meshes/${id}`, data: shown, name: id }}
    >
      <Loaded of={read}>
        {(mesh) => (
          <Tabs
            label="Parts of this mesh"
            value={tab}
            onChange={(next) => set({ tab: next })}
            tabs={[
              { id: "state", title: "State", content: <Overview mesh={mesh} span={span} onSpan={(next) => set({ span: next })} /> },
              { id: "proxies", title: "Proxies", content: <Proxies mesh={id} /> },
              { id: "workloads", title: "Workloads", content: <Workloads mesh={id} /> },
              { id: "intents", title: "Intents", content: <IntentMatrix mesh={id} /> },
            ]}
          />
        )}
      </Loaded>
    </Page>
  );
}

function Overview({ mesh, span, onSpan }: { mesh: Schemas["Mesh"]; span: string; onSpan(span: string): void }) {
  return (
    <>
      <div className="grid">
        <section className="card">
          <h2>Control plane</h2>
          <dl className="facts">
            <dt>Adapter</dt><dd>{mesh.adapter}</dd>
            <dt>Connection</dt><dd><Link to="/settings" search={{ section: "connections", name: mesh.connection }}>{mesh.connection}</Link></dd>
            {mesh.namespace && <><dt>Namespace</dt><dd>{mesh.namespace}</dd></>}
            {!!mesh.revisions.length && <><dt>Revisions</dt><dd>{mesh.revisions.join(", ")}</dd></>}
            {mesh.installer && <><dt>Installed by</dt><dd>{mesh.installer}</dd></>}
            <dt>Trust domain</dt><dd><code>{mesh.trust_domain || "–"}</code></dd>
            <dt>Workloads</dt><dd><Link to="/workloads" search={{ mesh: mesh.id }}>{mesh.workloads}</Link></dd>
            <dt>Proxies</dt><dd><Link to="/proxies" search={{ mesh: mesh.id }}>{mesh.proxies}</Link></dd>
            <dt>Observed</dt><dd><Time at={mesh.observed_at} /></dd>
          </dl>
          <p><Link to="/topology/$mesh" params={{ mesh: mesh.id }} className="button">Topology</Link></p>
        </section>
        <section className="card">
          <h2>Conditions</h2>
          <ul className="plain stack">
            {!mesh.conditions.length && <li className="soft">The adapter reports none.</li>}
            {mesh.conditions.map((each) => (
              <li key={each.type}>
                <State state={each.type} tone={each.status === "True" ? "ok" : each.status === "False" ? "failing" : "warning"}>{spaced(each.type)}</State>{" "}
                <span className="soft" title={`${each.type}=${each.status}, ${each.reason}`}>{spaced(each.reason).toLowerCase()}</span>
                {each.message && <p className="name">{each.message}</p>}
              </li>
            ))}
          </ul>
        </section>
      </div>
      <TrafficCharts mesh={mesh.id} span={span} onSpan={onSpan} />
    </>
  );
}

/** `ProxiesSynced` as `Proxies synced`. */
function spaced(name: string): string {
  const text = name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Proxies({ mesh }: { mesh: string }) {
  const list = query.useInfiniteQuery("get", "/v1/proxies", { params: { query: { mesh, page_size: 500 } } }, PAGED);
  const rows = rowsOf(list.data);
  const types = [...new Set(rows.flatMap((row) => row.sync.map((each) => each.type)))].sort();
  const columns = [
    ...PROXY_COLUMNS.filter((column) => column.id !== "mesh"),
    ...types.map((type) => ({
      id: `sync-${type}`,
      head: type,
      optional: true,
      cell: (row: Schemas["Proxy"]) => {
        const sync = row.sync.find((each) => each.type === type);
        return sync ? <State state={sync.state} /> : null;
      },
    })),
  ];
  return (
    <Loaded of={list}>
      {() => (
        <Table
          label={`Proxies of ${mesh}`}
          rows={rows}
          columns={columns}
          keyOf={(row) => row.id}
          onEnd={() => list.hasNextPage && void list.fetchNextPage()}
          empty={<Empty title="This mesh has no proxy." command={`meshwright workloads enrol --mesh ${mesh} --namespace shop --restart --wait`} />}
        />
      )}
    </Loaded>
  );
}

function Workloads({ mesh }: { mesh: string }) {
  const list = query.useInfiniteQuery("get", "/v1/workloads", { params: { query: { mesh, page_size: 500 } } }, PAGED);
  return (
    <Loaded of={list}>
      {() => (
        <Table
          label={`Workloads of ${mesh}`}
          rows={rowsOf(list.data)}
          columns={WORKLOAD_COLUMNS.filter((column) => column.id !== "mesh")}
          keyOf={(row) => row.id}
          onEnd={() => list.hasNextPage && void list.fetchNextPage()}
          empty={<Empty title="No workload takes part." command={`meshwright workloads enrol --mesh ${mesh} --namespace shop --restart --wait`} />}
        />
      )}
    </Loaded>
  );
}
