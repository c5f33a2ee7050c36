/**
 * The drawn graph. Invariant: a layout is computed once; when data comes, what is there stays where it is, and what is
 * new is put beside its neighbours.
 */
import cytoscape, { type Core, type ElementDefinition, type EventObject, type NodeSingular } from "cytoscape";
import fcose from "cytoscape-fcose";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";
import { useTheme } from "@/app/theme";
import { colourOf, styleOf } from "./graphStyle";
import { svg } from "./exporting";

cytoscape.use(fcose);

export interface GraphHandle {
  png(): string;
  svg(): string;
  fit(): void;
  layout(): void;
}

interface Props {
  ref: Ref<GraphHandle>;
  elements: ElementDefinition[];
  /** where positions are remembered */
  memory: string;
  selected: string;
  onSelect(id: string): void;
  onAround(id: string): void;
}

const MANY = 400;

export default function Graph({ ref, elements, memory, selected, onSelect, onAround }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const graph = useRef<Core | null>(null);
  const calls = useRef({ onSelect, onAround });
  calls.current = { onSelect, onAround };
  const theme = useTheme();

  useEffect(() => {
    if (!box.current) return undefined;
    const core = cytoscape({
      container: box.current,
      style: styleOf(),
      minZoom: 0.05,
      maxZoom: 3,
      // Drawn from a picture while it moves, when there is much to draw.
      hideEdgesOnViewport: elements.length > MANY,
      textureOnViewport: elements.length > MANY,
      pixelRatio: "auto",
    });
    graph.current = core;
    core.on("tap", (event: EventObject) => {
      const target = event.target as NodeSingular | Core;
      calls.current.onSelect(target === core ? "" : (target as NodeSingular).id());
    });
    core.on("dbltap", "node", (event: EventObject) => calls.current.onAround((event.target as NodeSingular).id()));
    core.on("dragfree", "node", () => remember(core, memory));
    return () => {
      core.destroy();
      graph.current = null;
    };
    // The graph is made once; what changes is given to it below.
  }, [memory]);

  useEffect(() => {
    graph.current?.style(styleOf());
  }, [theme]);

  useEffect(() => {
    const core = graph.current;
    if (core) update(core, elements, memory);
  }, [elements, memory]);

  useEffect(() => {
    const core = graph.current;
    if (!core) return;
    core.elements().unselect();
    if (selected) core.getElementById(selected).select();
  }, [selected, elements]);

  useImperativeHandle(ref, () => ({
    png: () => graph.current?.png({ full: true, scale: 2, bg: colourOf("--page") }) ?? "",
    svg: () => (graph.current ? drawn(graph.current) : ""),
    fit: () => graph.current?.fit(undefined, 40),
    layout: () => graph.current && arrange(graph.current, memory),
  }));
  return <div ref={box} className="graph" role="img" aria-label="The graph; the table shows the same" data-nodes={elements.length} />;
}

function update(core: Core, elements: ElementDefinition[], memory: string): void {
  const wanted = new Set(elements.map((each) => String(each.data.id)));
  const first = core.nodes().empty();
  const places = recalled(memory);
  const added: string[] = [];
  core.batch(() => {
    core.elements().filter((each) => !wanted.has(each.id())).remove();
    for (const element of elements) {
      const id = String(element.data.id);
      const there = core.getElementById(id);
      if (there.nonempty()) {
        there.data(element.data);
        there.classes(element.classes ?? "");
      } else {
        core.add(places[id] ? { ...element, position: places[id] } : element);
        if (element.group === "nodes" && !places[id] && !id.startsWith("box:")) added.push(id);
      }
    }
  });
  if (first && added.length) arrange(core, memory);
  else if (first) core.fit(undefined, 40);
  else for (const id of added) beside(core, id);
}

/** A new node stands beside a neighbour, or at the edge of the graph. */
function beside(core: Core, id: string): void {
  const node = core.getElementById(id);
  const [near] = node.neighborhood().nodes().not(node).toArray();
  const at = near ? (near as NodeSingular).position() : { x: core.extent().x2 - 60, y: core.extent().y2 - 60 };
  node.position({ x: at.x + 90, y: at.y + 60 });
}

function arrange(core: Core, memory: string): void {
  const layout = core.layout({
    name: "fcose",
    animate: false,
    randomize: true,
    quality: core.nodes().length > MANY ? "draft" : "default",
    nodeSeparation: 110,
    idealEdgeLength: () => 150,
    nodeRepulsion: () => 9000,
  } as cytoscape.LayoutOptions);
  layout.one("layoutstop", () => {
    core.fit(undefined, 40);
    remember(core, memory);
  });
  layout.run();
}

type Places = Record<string, { x: number; y: number }>;

function remember(core: Core, memory: string): void {
  const places: Places = {};
  core.nodes().forEach((node) => {
    if (!node.isParent()) places[node.id()] = { ...node.position() };
  });
  try {
    sessionStorage.setItem(memory, JSON.stringify(places));
  } catch {
    // The browser keeps nothing: the next layout is computed again.
  }
}

function recalled(memory: string): Places {
  try {
    return JSON.parse(sessionStorage.getItem(memory) ?? "{}") as Places;
  } catch {
    return {};
  }
}

function drawn(core: Core): string {
  const nodes = core.nodes().filter((node) => !node.isParent()).nodes();
  return svg(
    nodes.map((node) => ({ id: node.id(), label: String(node.data("label")), ...node.position(), colour: String(node.style("background-color")) })),
    core.edges().map((edge) => ({ from: edge.source().id(), to: edge.target().id(), label: String(edge.data("label")), colour: String(edge.style("line-color")) })),
  );
}
