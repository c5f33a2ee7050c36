import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { save } from "@/shared/Copies";
import { Empty, Loaded, Page } from "@/shared/Page";
import { spanOf, SPANS } from "@/shared/spans";
import { State } from "@/shared/State";
import { elementsOf, shown as choose, type Topology } from "./elements";
import { ExpressionField, useExpression } from "./ExpressionField";
import { dot } from "./exporting";
import type { GraphHandle } from "./Graph";
import { Replay } from "./Replay";
import { topologyRoute } from "./routes";
import { SidePanel } from "./SidePanel";
import { TopologyTable } from "./TopologyTable";
import { useTopology } from "./useTopology";
import "./topology.css";

const Graph = lazy(() => import("./Graph"));

export function TopologyPage() {
  const { mesh } = topologyRoute.useParams();
  const search = topologyRoute.useSearch();
  const { view = "graph", group = "", expand = "", span = "", at = "" } = search;
  const navigate = useNavigate({ from: topologyRoute.fullPath });
  const set = (change: typeof search): void => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const [replay, setReplay] = useState(at !== "");
  const read = useTopology({ mesh, group, expand, span: span ? spanOf(span) : "", at });
  return (
    <Page
      title={`Topology of ${mesh}`}
      readAt={read.dataUpdatedAt}
      beside={at ? <State state="past" tone="progress">the past</State> : undefined}
      equivalent={{
        cli: `topology --mesh ${mesh}${group ? ` --group ${group}` : ""}`,
        request: `GET /v1/meshes/${mesh}/topology${group ? `?group=${group}` : ""}`,
        data: read.data,
        rows: read.data?.links.map(({ health: _, ...link }) => link),
        name: `topology-${mesh}`,
      }}
    >
      <div className="filters">
        <label>
          Show
          <select value={view} onChange={(event) => set({ view: event.target.value })}>
            <option value="graph">graph</option>
            <option value="table">table</option>
          </select>
        </label>
        <label>
          Nodes are
          <select value={group || (read.data?.group ?? "service")} onChange={(event) => set({ group: event.target.value, expand: undefined })}>
            <option value="service">services</option>
            <option value="version">versions</option>
            <option value="namespace">namespaces</option>
          </select>
        </label>
        <label>
          Over
          <select value={span} onChange={(event) => set({ span: event.target.value || undefined, at: undefined })}>
            <option value="">the newest window</option>
            {Object.keys(SPANS).map((word) => <option key={word} value={word}>the last {word}</option>)}
          </select>
        </label>
        <ExpressionField label="Find" value={search.find} onChange={(find) => set({ find })} />
        <ExpressionField label="Hide" value={search.hide} onChange={(hide) => set({ hide })} />
        <button className="button" aria-pressed={replay} onClick={() => { setReplay(!replay); if (replay) set({ at: undefined }); }}>Replay</button>
      </div>
      {replay && <Replay mesh={mesh} span={span} at={at} onAt={(next) => set({ at: next })} />}
      <Loaded of={read}>{(topology) => <Body topology={topology} search={search} set={set} />}</Loaded>
    </Page>
  );
}

type Search = ReturnType<typeof topologyRoute.useSearch>;

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
      {topology.failure && <p className="note warning">{topology.failure.what} {topology.failure.remedy}</p>}
      <div className="row">
        <span className="soft">
          {shown.nodes.length} of {topology.total_nodes} nodes, {shown.links.length} edges{topology.seconds > 0 && `, ${topology.seconds.toFixed(0)} s of traffic`}
          {grouped && ": so many that they are shown by namespace; open one to see inside"}
        </span>
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
              <Graph
                ref={graph}
                elements={elements}
                memory={`topology ${topology.mesh} ${topology.group} ${expand} ${around}`}
                selected={node}
                onSelect={(id) => set({ node: id && !id.startsWith("box:") ? id : undefined })}
                onAround={(id) => set({ around: id, node: id })}
              />
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
