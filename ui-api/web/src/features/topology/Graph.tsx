/**
 * The drawn graph. Invariant: a layout is computed once; when data comes, what is there stays where it is, and what is
 * new is put beside its neighbours. Its memory stays flat: cytoscape keeps every text that it has ever drawn (in the
 * caches of its parser and of its pictures), so after so many of them the graph is made anew, in the same place.
 */
import cytoscape, { type Core, type ElementDefinition, type EventObject, type NodeSingular } from "cytoscape";
import { useEffect, useImperativeHandle, useRef, useState, type Ref } from "react";
import { useTheme } from "@/app/theme";
import { colourOf, styleOf } from "./graphStyle";
import { svg, type Drawn, type Placed } from "./exporting";
import { layered } from "./layered";
import { around, forget, inBoxes, recalled, remember, type Places } from "./places";
import { textSize } from "./shapes";
import { wayOf, type Routes } from "./ways";

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

/** nodes from which on the layout is by boxes, and edges are plain lines whose text shows when they are chosen */
const MANY = 400;
/** edges from which on no room is kept for their texts, which show when they are chosen */
const LABELLED = 120;
/** texts after which the graph is made anew: some megabytes */
const TEXTS = 10_000;

export default function Graph({ ref, elements, memory, selected, onSelect, onAround }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const graph = useRef<Core | null>(null);
  const calls = useRef({ onSelect, onAround });
  calls.current = { onSelect, onAround };
  const theme = useTheme();
  const texts = useRef(0);
  const view = useRef({ memory: "", zoom: 1, pan: { x: 0, y: 0 } });
  const [made, setMade] = useState(0);
  const large = elements.filter((each) => each.group === "nodes").length > MANY;
  const bare = large || elements.filter((each) => each.group === "edges").length > LABELLED;

  useEffect(() => {
    if (!box.current) return undefined;
    const core = cytoscape({
      container: box.current,
      style: styleOf(bare, large),
      minZoom: 0.05,
      maxZoom: 3,
      // Drawn from a picture while it moves, when there is much to draw.
      hideEdgesOnViewport: large,
      textureOnViewport: large,
      pixelRatio: "auto",
    });
    graph.current = core;
    core.on("tap", (event: EventObject) => {
      const target = event.target as NodeSingular | Core;
      calls.current.onSelect(target === core ? "" : (target as NodeSingular).id());
    });
    core.on("dbltap", "node", (event: EventObject) => calls.current.onAround((event.target as NodeSingular).id()));
    core.on("dragfree", "node", (event: EventObject) => {
      straighten(event.target as NodeSingular, memory);
      remember(memory, placesOf(core));
    });
    texts.current = 0;
    return () => {
      view.current = { memory, zoom: core.zoom(), pan: { ...core.pan() } };
      core.destroy();
      graph.current = null;
    };
    // The graph is made once; what changes is given to it below.
  }, [memory, made]);

  useEffect(() => {
    graph.current?.style(styleOf(bare, large));
  }, [theme, bare, large]);

  useEffect(() => {
    const core = graph.current;
    if (!core) return;
    const again = core.elements().empty() && view.current.memory === memory;
    texts.current += update(core, elements, memory);
    if (again) core.viewport({ zoom: view.current.zoom, pan: view.current.pan });
    if (!bare && texts.current > TEXTS) setMade((before) => before + 1);
  }, [elements, memory, made]);

  useEffect(() => {
    const core = graph.current;
    if (!core) return;
    core.elements().unselect();
    if (!selected) return;
    const chosen = core.getElementById(selected).select();
    // The side panel may just have taken the place in which the chosen one was.
    core.resize();
    const [{ x1, x2, y1, y2 }, box] = [core.extent(), chosen.boundingBox()];
    if (chosen.nonempty() && (box.x2 > x2 || box.x1 < x1 || box.y2 > y2 || box.y1 < y1)) core.center(chosen);
  }, [selected, memory, made]);

  useImperativeHandle(ref, () => ({
    png: () => graph.current?.png({ full: true, scale: 2, bg: colourOf("--page") }) ?? "",
    svg: () => (graph.current ? drawn(graph.current) : ""),
    fit: () => graph.current?.fit(undefined, 40),
    layout: () => graph.current && arrange(graph.current, memory),
  }));
  return <div ref={box} className="graph" role="img" aria-label="The graph; the table shows the same" data-nodes={elements.length} />;
}

/** Returns how many texts have changed. */
function update(core: Core, elements: ElementDefinition[], memory: string): number {
  const wanted = new Set(elements.map((each) => String(each.data.id)));
  const first = core.nodes().empty();
  const places = recalled(memory);
  const added: string[] = [];
  let texts = 0;
  core.batch(() => {
    core.elements().filter((each) => !wanted.has(each.id())).remove();
    for (const element of elements) {
      const id = String(element.data.id);
      const there = core.getElementById(id);
      if (there.nonempty()) {
        if (there.data("label") !== element.data.label) texts += 1;
        // Only what has changed is drawn anew: in a large graph that is little.
        if (Object.entries(element.data).some(([name, value]) => there.data(name) !== value)) there.data(element.data);
        if (there.scratch("classes") !== element.classes) there.classes(element.classes ?? "").scratch("classes", element.classes);
      } else {
        core.add(places[id] ? { ...element, position: places[id] } : element).scratch("classes", element.classes);
        if (element.group === "nodes" && !places[id] && !element.classes?.includes("box")) added.push(id);
      }
    }
  });
  if (first && added.length) arrange(core, memory);
  else if (first) {
    route(core, recalled<Routes>(`${memory} ways`));
    core.fit(undefined, 40);
  } else if (added.length) {
    added.forEach((id, index) => put(core, id, index, places));
    remember(memory, placesOf(core));
  }
  return texts;
}

function route(core: Core, routes: Routes): void {
  core.batch(() => core.edges().forEach((edge) => {
    const way = routes[edge.id()];
    if (way) edge.style(wayOf(way, edge.source().position(), edge.target().position()));
    else edge.removeStyle();
  }));
}

/** Who puts a node elsewhere gets straight lines to it. */
function straighten(node: NodeSingular, memory: string): void {
  const edges = node.union(node.descendants()).connectedEdges();
  edges.removeStyle();
  forget(`${memory} ways`, edges.map((edge) => edge.id()));
}

/** A new node stands where its namespace stood before it was opened, beside a neighbour, or at the edge of the graph. */
function put(core: Core, id: string, index: number, places: Places): void {
  const node = core.getElementById(id) as NodeSingular;
  const parent = node.parent().first();
  const opened = parent.nonempty() ? places[`namespace:${String(parent.data("label"))}`] : undefined;
  const near = node.neighborhood().nodes().filter((each) => each.id() in places).first();
  const beside = near.nonempty() ? (near as unknown as NodeSingular).position() : { x: core.elements().boundingBox().x2, y: core.elements().boundingBox().y2 };
  node.position(around(opened ?? beside, opened ? index : index + 1));
}

function arrange(core: Core, memory: string): void {
  const nodes = core.nodes().filter((node) => !node.hasClass("box")).nodes();
  if (nodes.length > MANY) {
    const places = inBoxes(nodes.map((node) => ({ id: node.id(), namespace: String(node.data("parent") ?? "") })));
    nodes.positions((node) => places[node.id()] ?? { x: 0, y: 0 });
    core.fit(undefined, 40);
    remember(memory, places);
    return;
  }
  const named = core.edges().length <= LABELLED;
  const { places, routes } = layered(
    nodes.map((node) => ({ id: node.id(), width: node.width(), height: node.height(), box: node.parent().first().id() })),
    core.edges().map((edge) => ({
      id: edge.id(), from: edge.source().id(), to: edge.target().id(), ...(named ? { label: textSize(String(edge.data("label"))) } : {}),
    })),
    core.width() < core.height() * 1.15,
  );
  nodes.positions((node) => places[node.id()] ?? { x: 0, y: 0 });
  route(core, routes);
  core.fit(undefined, 40);
  remember(memory, places);
  forget(`${memory} ways`);
  remember(`${memory} ways`, routes);
}

function placesOf(core: Core): Places {
  const places: Places = {};
  core.nodes().forEach((node) => {
    if (!node.isParent()) places[node.id()] = { ...node.position() };
  });
  return places;
}

/** What is on the screen, with boxes behind and edges cut at the nodes, for a file. */
function drawn(core: Core): string {
  const nodes = core.nodes().nodes().map((node): Placed => {
    const box = node.isParent() ? node.boundingBox({ includeLabels: false }) : undefined;
    return {
      label: String(node.data("label")),
      ...(box ? { x: (box.x1 + box.x2) / 2, y: (box.y1 + box.y2) / 2, width: box.w, height: box.h } : { ...node.position(), width: node.width(), height: node.height() }),
      classes: [...node.classes()],
      box: box !== undefined,
      fill: String(node.style("background-color")),
      line: String(node.style("border-color")),
      text: String(node.style("color")),
    };
  });
  const edges = core.edges().edges().map((edge): Drawn => ({
    points: [edge.sourceEndpoint(), ...(edge.segmentPoints() ?? []), edge.targetEndpoint()],
    at: { x: edge.midpoint().x + edge.numericStyle("text-margin-x"), y: edge.midpoint().y + edge.numericStyle("text-margin-y") },
    label: String(edge.style("label")),
    line: String(edge.style("line-color")),
    width: edge.width() || 1,
    classes: [...edge.classes()],
  }));
  return svg(nodes, edges, { back: colourOf("--surface"), text: colourOf("--text-soft"), accent: colourOf("--accent") });
}
