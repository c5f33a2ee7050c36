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
import { layered, type Drawing } from "./layered";
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

/** nodes and edges from which on the layout is by boxes, and edges are plain lines whose text shows when they are chosen */
const MANY = { nodes: 400, edges: 300 };
/** edges from which on no room is kept for their texts, which show when they are chosen */
const LABELLED = 120;
/** nodes that find a place in a graph of so many as it is */
const SOME = 5;
/** the zoom below which cytoscape leaves out the texts of edges, and the one below which they are too small to be kept */
const [READABLE, SMALL] = [0.62, 0.35];
/** pixels around the graph */
const FRAME = 24;
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
  const edges = elements.filter((each) => each.group === "edges").length;
  const large = elements.length - edges > MANY.nodes || edges > MANY.edges;
  const bare = large || edges > LABELLED;

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
    core.one("render", () => performance.mark("graph drawn"));
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

  // Among many edges those of the chosen one are told from the others.
  useEffect(() => {
    graph.current?.batch(() => {
      graph.current?.edges(".near").removeClass("near");
      if (selected) graph.current?.getElementById(selected).connectedEdges().addClass("near");
    });
  }, [selected, elements, memory, made]);

  useImperativeHandle(ref, () => ({
    png: () => graph.current?.png({ full: true, scale: 2, bg: colourOf("--page") }) ?? "",
    svg: () => (graph.current ? drawn(graph.current) : ""),
    fit: () => graph.current && fit(graph.current),
    layout: () => graph.current && arrange(graph.current, memory),
  }));
  return <div ref={box} className="graph" role="img" aria-label="The graph; the table shows the same" data-nodes={elements.length} />;
}

function isMany(core: Core): boolean {
  return core.nodes().length > MANY.nodes || core.edges().length > MANY.edges;
}

/** Returns how many texts have changed. */
function update(core: Core, elements: ElementDefinition[], memory: string): number {
  const wanted = new Set(elements.map((each) => String(each.data.id)));
  const first = core.nodes().empty();
  const places = recalled(memory);
  const added: string[] = [];
  const gone = core.elements().filter((each) => !wanted.has(each.id()));
  const left = gone.nodes().length;
  let texts = 0;
  core.batch(() => {
    gone.remove();
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
  // Where a namespace was opened or closed there would be no room for its services, or a hole.
  const opened = isMany(core) && added.length + left > SOME;
  if ((first && added.length) || opened) arrange(core, memory);
  else if (first) {
    route(core, recalled<Routes>(`${memory} ways`));
    fit(core);
  } else if (added.length) {
    added.forEach((id, index) => put(core, id, index, places));
    remember(memory, placesOf(core));
  }
  return texts;
}

/** All of it; or as much as leaves its texts readable, the chosen one in the middle, where that hides little. */
function fit(core: Core): void {
  core.fit(undefined, FRAME);
  if (core.nodes().length > MANY.nodes || core.zoom() >= READABLE || core.zoom() < SMALL) return;
  const chosen = core.$(":selected");
  core.zoom(READABLE);
  core.center(chosen.nonempty() ? chosen : undefined);
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
  if (isMany(core)) {
    const places = inBoxes(nodes.map((node) => ({ id: node.id(), namespace: String(node.data("parent") ?? ""), width: node.width(), height: node.height() })));
    nodes.positions((node) => places[node.id()] ?? { x: 0, y: 0 });
    fit(core);
    remember(memory, places);
    return;
  }
  const named = core.edges().length <= LABELLED;
  const cards = nodes.map((node) => ({ id: node.id(), width: node.width(), height: node.height(), box: node.parent().first().id() }));
  const calls = core.edges().map((edge) => ({
    id: edge.id(), from: edge.source().id(), to: edge.target().id(), ...(named ? { label: textSize(String(edge.data("label"))) } : {}),
  }));
  // From left to right or from top to bottom: whichever is shown larger.
  const zooms = [false, true].map((down): [number, Drawing] => {
    const drawing = layered(cards, calls, down);
    nodes.positions((node) => drawing.places[node.id()] ?? { x: 0, y: 0 });
    route(core, drawing.routes);
    const { w, h } = core.elements().boundingBox();
    return [Math.min(core.width() / w, core.height() / h), drawing];
  });
  const [[across, flat], [along, tall]] = zooms as [[number, Drawing], [number, Drawing]];
  const { places, routes } = across >= along ? flat : tall;
  nodes.positions((node) => places[node.id()] ?? { x: 0, y: 0 });
  route(core, routes);
  fit(core);
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
