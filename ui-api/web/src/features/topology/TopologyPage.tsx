import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { save } from "@/shared/Copies";
import { Empty, Loaded, Page } from "@/shared/Page";
import { spanOf } from "@/shared/spans";
import { State } from "@/shared/State";
import { duration } from "@/shared/Time";
import { elementsOf, shown as choose, type Shown, type Topology } from "./elements";
import { Controls } from "./Controls";
import { useExpression } from "./ExpressionField";
import { dot } from "./exporting";
import { asCommand } from "./asCommand";
import type { GraphHandle } from "./Graph";
import { Legend } from "./Legend";
import { Replay } from "./Replay";
import { SidePanel } from "./SidePanel";
import { TopologyTable } from "./TopologyTable";
import { SPAN, topologyRoute, useTopology, type Search } from "./useTopology";
import "./topology.css";

const Graph = lazy(() => import("./Graph"));

export function TopologyPage() {
  const { mesh } = topologyRoute.useParams();
  const search = topologyRoute.useSearch();
  const { group = "", expand = "", span = "", at = "" } = search;
  const navigate = topologyRoute.useNavigate();
  const set = (change: typeof search): void => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const [replay, setReplay] = useState(at !== "");
  const asked = asCommand({ group, expand, span: spanOf(span || SPAN), at });
  const read = useTopology({ mesh, group, expand, span: spanOf(span || SPAN), at });
  return (
    <Page
      title={`Topology of ${mesh}`}
      readAt={read.dataUpdatedAt}
      beside={at ? <State state="past" tone="progress">the past</State> : undefined}
      equivalent={{
        cli: `topology --mesh ${mesh}${asked.flags}`,
        request: `GET /v1/meshes/${mesh}/topology${asked.query}`,
        data: read.data,
        rows: read.data?.links.map(({ health: _, ...link }) => link),
        name: `topology-${mesh}`,
      }}
    >
      <Controls mesh={mesh} search={search} grouped={read.data?.group} replay={replay} onReplay={() => { setReplay(!replay); if (replay) set({ at: undefined }); }} set={set} />
      {replay && <Replay mesh={mesh} span={span} at={at} onAt={(next) => set({ at: next })} />}
      <Loaded of={read}>{(topology) => <Body topology={topology} search={search} set={set} />}</Loaded>
    </Page>
  );
}

function Body({ topology, search, set }: { topology: Topology; search: Search; set(change: Search): void }) {
  const { view = "graph", around = "", node = "", group = "", expand = "" } = search;
  const find = useExpression(search.find);
  const hide = useExpression(search.hide);
  const shown = useMemo(() => choose(topology, hide, around), [topology, hide, around]);
  const elements = useMemo(() => elementsOf(shown, find), [shown, find]);
  const graph = useRef<GraphHandle>(null);
  const open = (namespace: string): void => set({ expand: [...new Set([...expand.split(",").filter(Boolean), namespace])].join(",") });
  const grouped = topology.group === "namespace" && group !== "namespace";
  return (
    <>
      {!topology.complete && <p className="note warning">The oldest part of this span was too much to add up in time and is missing: choose a shorter one.</p>}
      {topology.failure && <p className="note warning">{topology.failure.what} {topology.failure.remedy}</p>}
      <div className="row">
        <span className="soft">
          {shown.nodes.length} of {topology.total_nodes} nodes, {shown.links.length} edges{topology.seconds > 0 && `, ${duration(Math.round(topology.seconds))} of traffic`}
          {grouped && ": so many that they are shown by namespace; open one to see inside"}
        </span>
        <NodeChoice shown={shown} value={node} onChange={(id) => set({ node: id })} />
        {around && <button className="button" onClick={() => set({ around: undefined })}>Show everything</button>}
        {expand && <button className="button" onClick={() => set({ expand: undefined })}>Close the namespaces</button>}
        {view === "graph" && (
          <>
            <button className="button" onClick={() => graph.current?.fit()}>Fit</button>
            <button className="button" onClick={() => graph.current?.layout()}>Arrange</button>
            <ExportGraph mesh={topology.mesh} graph={graph} text={() => dot(topology.mesh, shown)} />
          </>
        )}
      </div>
      {!topology.nodes.length ? (
        <Empty title="No workload of this mesh is known." command={`meshwright workloads enrol --mesh ${topology.mesh} --namespace shop --restart --wait`} />
      ) : (
        <div className={node ? "topology with-panel" : "topology"}>
          {view === "table" ? (
            <div className="stack"><TopologyTable shown={shown} onSelect={(id) => set({ node: id })} /></div>
          ) : (
            <Suspense fallback={<p className="soft graph">Loading the graph…</p>}>
              <div className="stack">
              <Graph
                ref={graph}
                elements={elements}
                memory={`topology ${topology.mesh} ${topology.group} ${around}`}
                selected={node}
                onSelect={(id) => set({ node: id && !id.startsWith("box:") ? id : undefined })}
                onAround={(id) => (id.startsWith("namespace:") ? open(id.slice("namespace:".length)) : set({ around: id, node: id }))}
              />
              <Legend />
              </div>
            </Suspense>
          )}
          {node && (
            <SidePanel
              mesh={topology.mesh}
              topology={topology}
              selected={node}
              span={search.span ?? "15m"}
              onSpan={(span) => set({ span })}
              onAround={(id) => set({ around: id })}
              onExpand={open}
              onClose={() => set({ node: undefined })}
            />
          )}
        </div>
      )}
    </>
  );
}

/** Every node by keyboard: what is chosen here is selected in the graph and shown at its side. */
function NodeChoice({ shown, value, onChange }: { shown: Shown; value: string; onChange(id: string | undefined): void }) {
  const names = useMemo(() => shown.nodes.map((node) => node.id).sort(), [shown.nodes]);
  return (
    <label className="inline soft">
      Node
      <select value={names.includes(value) ? value : ""} onChange={(event) => onChange(event.target.value || undefined)}>
        <option value="">none</option>
        {names.map((id) => <option key={id} value={id}>{id}</option>)}
      </select>
    </label>
  );
}

function ExportGraph({ mesh, graph, text }: { mesh: string; graph: React.RefObject<GraphHandle | null>; text(): string }) {
  const png = (): void => {
    const link = document.createElement("a");
    link.href = graph.current?.png() ?? "";
    link.download = `topology-${mesh}.png`;
    link.click();
  };
  return (
    <span className="row" role="group" aria-label="Export the graph">
      <button className="button" onClick={png}>PNG</button>
      <button className="button" onClick={() => save(`topology-${mesh}.svg`, graph.current?.svg() ?? "", "image/svg+xml")}>SVG</button>
      <button className="button" onClick={() => save(`topology-${mesh}.dot`, text(), "text/vnd.graphviz")}>DOT</button>
    </span>
  );
}
