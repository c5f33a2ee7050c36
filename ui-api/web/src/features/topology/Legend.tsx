/** What the shapes, colours and lines of the graph mean. */
import { State } from "@/shared/State";

const STATES = [
  ["ok", "round corners, solid line"],
  ["warning", "▲ pointed sides, dashed line"],
  ["failing", "✖ cut corners, dotted line"],
  ["idle", "◌ dashed outline"],
] as const;

export function Legend() {
  return (
    <ul className="plain row soft legend" aria-label="Legend">
      {STATES.map(([state, shape]) => <li key={state}><State state={state} /> {shape}</li>)}
      <li>slanted: outside of the mesh</li>
      <li>dot at the start of a line: mutual TLS</li>
      <li>double click: what is around a node, or inside a namespace</li>
    </ul>
  );
}
