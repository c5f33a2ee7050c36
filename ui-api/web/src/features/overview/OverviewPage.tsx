import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { api, query, type Schemas } from "@/api/client";
import { Empty, Loaded, Page } from "@/shared/Page";
import { milliseconds, rate, share } from "@/shared/numbers";
import { Sparkline } from "@/shared/Sparkline";
import { SPANS, spanOf, type Span } from "@/shared/spans";
import { State } from "@/shared/State";
import { Time } from "@/shared/Time";
import { EntityLink } from "./EntityLink";
import "./overview.css";

const REFRESH_MS = 5000;

const overviewRoute = getRouteApi("/");

function sinceOf(span: Span): string {
  return new Date(Date.now() - SPANS[span] * 1000).toISOString();
}

/** The newest windows, or all of a span. */
function useOverview(span: Span | undefined) {
  return useQuery({
    queryKey: ["get", "/v1/overview", { span: span ?? "" }],
    refetchInterval: REFRESH_MS,
    placeholderData: (before: Overview | undefined) => before,
    queryFn: async (): Promise<Overview> => {
      const asked = span ? { since: sinceOf(span) } : {};
      const { data } = await api.GET("/v1/overview", { params: { query: asked } });
      if (!data) throw new Error("the API sent no overview");
      return data;
    },
  });
}

export function OverviewPage() {
  const { span: word } = overviewRoute.useSearch();
  const navigate = overviewRoute.useNavigate();
  const span = word ? spanOf(word) : undefined;
  const read = useOverview(span);
  return (
    <Page
      title="Overview"
      readAt={read.dataUpdatedAt}
      actions={
        <label className="inline soft">
          Traffic of
          <select value={span ?? ""} onChange={(event) => void navigate({ search: { span: event.target.value || undefined }, replace: true })}>
            <option value="">the newest windows</option>
            {Object.keys(SPANS).map((each) => <option key={each} value={each}>the last {each}</option>)}
          </select>
        </label>
      }
      equivalent={{ cli: span ? `overview --since ${span}` : "overview", request: span ? `GET /v1/overview?since=${sinceOf(span)}` : "GET /v1/overview", data: read.data, name: "overview" }}
    >
      <Loaded of={read}>
        {(overview) => (
          <>
            <Totals overview={overview} />
            {overview.meshes.length ? (
              <div className="overview">
                <div className="grid">{overview.meshes.map((mesh) => <MeshCard key={mesh.id} mesh={mesh} />)}</div>
                <div className="stack">
                  <Attention overview={overview} />
                  <Running overview={overview} />
                  <Recent />
                </div>
              </div>
            ) : (
              <Empty title="No mesh is managed here yet." command="meshwright meshes install istio --connection prod --profile ambient --wait">
                Or <Link to="/meshes" search={{ dialog: "detect" }}>look for the meshes that are there</Link>.
              </Empty>
            )}
          </>
        )}
      </Loaded>
    </Page>
  );
}

type Overview = Schemas["Overview"];

function Attention({ overview }: { overview: Overview }) {
  const { attention, attention_total: total } = overview;
  return (
    <section className="card" aria-labelledby="attention">
      <h2 id="attention">What needs somebody <span className="tag">{total}</span></h2>
      {!total && <p><State state="ok">Nothing needs anybody.</State></p>}
      <ul className="plain attention">
        {attention.map((each, index) => (
          <li key={index}>
            <State state={each.severity} tone={each.severity === "warning" ? "warning" : "failing"} />
            <EntityLink entity={each.entity}>{each.sentence}</EntityLink>
            {each.since && <span className="soft"><Time at={each.since} /></span>}
          </li>
        ))}
      </ul>
      {total > attention.length && <p className="soft">And {total - attention.length} more.</p>}
    </section>
  );
}

/** All meshes as one line of numbers: what is there, what flows, what does not follow. */
function Totals({ overview: { meshes, mesh_count, operations } }: { overview: Overview }) {
  if (!meshes.length) return null;
  const sum = (of: (mesh: Schemas["MeshOverview"]) => number | undefined): number => meshes.reduce((all, mesh) => all + (of(mesh) ?? 0), 0);
  const requests = sum((mesh) => mesh.traffic?.rate);
  const failing = sum((mesh) => (mesh.traffic ? mesh.traffic.rate * mesh.traffic.error_rate : 0));
  const [inSync, proxies] = [sum((mesh) => mesh.proxies.in_sync), sum((mesh) => mesh.proxies.total)];
  const numbers: [string, React.ReactNode, string][] = [
    ["Meshes", <Link key="m" to="/meshes">{mesh_count}</Link>, mesh_count > meshes.length ? `the numbers are those of the first ${meshes.length}` : ""],
    ["Workloads", <Link key="w" to="/workloads">{sum((mesh) => mesh.workloads)}</Link>, ""],
    ["Proxies in sync", <Link key="p" to="/proxies">{inSync} of {proxies}</Link>, inSync < proxies ? "failing" : ""],
    ["Requests", rate(requests), ""],
    ["Errors", share(requests ? failing / requests : 0), failing ? "failing" : ""],
    ["Running operations", <Link key="o" to="/operations">{operations.count}</Link>, ""],
  ];
  return (
    <dl className="totals card">
      {numbers.map(([name, value, more]) => (
        <div key={name} className={more === "failing" ? "wrong" : undefined}>
          <dt>{name}</dt>
          <dd>{value}</dd>
          {more && more !== "failing" && <dd className="soft">{more}</dd>}
        </div>
      ))}
    </dl>
  );
}

function MeshCard({ mesh }: { mesh: Schemas["MeshOverview"] }) {
  const { proxies, traffic, sparkline } = mesh;
  const series = (pick: (point: Schemas["SeriesPoint"]) => number | null): (number | null)[] =>
    sparkline.map((point) => (point.seconds > 0 ? pick(point) : null));
  return (
    <article className="card" data-mesh={mesh.id}>
      <h2>
        <Link to="/meshes/$mesh" params={{ mesh: mesh.id }} className="name">{mesh.id}</Link> <State state={mesh.state} />
      </h2>
      <p className="soft">{mesh.kind} {mesh.version} on {mesh.connection}</p>
      {mesh.condition && <p className="name">{mesh.condition.message || mesh.condition.reason}</p>}
      <dl className="numbers">
        <Number name="Requests" value={rate(traffic?.rate)} line={series((point) => point.rate)} />
        <Number name="Errors" value={share(traffic?.error_rate)} line={series((point) => point.error_rate)} />
        <Number name="p99" value={milliseconds(traffic?.p99_ms)} line={series((point) => point.p99_ms)} />
        <div>
          <dt>Proxies in sync</dt>
          <dd>
            <Link to="/proxies" search={{ mesh: mesh.id }}>{proxies.in_sync} of {proxies.total}</Link>
            {proxies.rejected > 0 && <> <State state="rejected">{proxies.rejected} rejected</State></>}
          </dd>
        </div>
        <div>
          <dt>Mutual TLS</dt>
          <dd>{share(traffic?.mutual_tls)}</dd>
        </div>
        <div>
          <dt>Workloads</dt>
          <dd><Link to="/workloads" search={{ mesh: mesh.id }}>{mesh.workloads}</Link></dd>
        </div>
      </dl>
      {!mesh.complete && <p className="soft">The oldest part of this span was too much to add up in time and is missing.</p>}
      <p className="row">
        <Link to="/topology/$mesh" params={{ mesh: mesh.id }}>Topology</Link>
        <span className="soft">observed <Time at={mesh.observed_at} /></span>
      </p>
    </article>
  );
}

function Number({ name, value, line }: { name: string; value: string; line: (number | null)[] }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <strong>{value}</strong>
        <Sparkline values={line} label={`${name} over time, now ${value}`} />
      </dd>
    </div>
  );
}

function Running({ overview }: { overview: Overview }) {
  const { count, newest } = overview.operations;
  return (
    <section className="card" aria-labelledby="running">
      <h2 id="running">Running operations <span className="tag">{count}</span></h2>
      {!count && <p className="soft">None.</p>}
      <ul className="plain attention">
        {newest.map((each) => (
          <li key={each.id}>
            <State state={each.state} />
            <Link to="/operations/$operation" params={{ operation: each.id }}>{each.title || each.kind}</Link>
            <span className="soft name">{each.waiting_for ? `waiting for ${each.waiting_for}` : each.progress}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What was changed last, by whom, and how it ended. */
function Recent() {
  const read = query.useQuery("get", "/v1/operations", { params: { query: { page_size: 8 } } });
  const ended = read.data?.items.filter((each) => each.done) ?? [];
  return (
    <section className="card" aria-labelledby="recent">
      <h2 id="recent">What was done last</h2>
      {!ended.length && <p className="soft">Nothing yet.</p>}
      <ul className="plain attention">
        {ended.map((each) => (
          <li key={each.id}>
            <State state={each.state} />
            <Link to="/operations/$operation" params={{ operation: each.id }} className="name">{each.title || each.kind}</Link>
            <span className="soft">{each.principal}, <Time at={each.finished_at} /></span>
          </li>
        ))}
      </ul>
      <p><Link to="/operations">All operations</Link></p>
    </section>
  );
}
