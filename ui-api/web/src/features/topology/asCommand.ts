/** The same graph by the command line and by a request. A span is a time ago for one, and a time for the other. */
import { SPANS } from "@/shared/spans";
import { SPAN, WINDOW_S, type Asked } from "./useTopology";

type Words = [name: string, value: string][];

export function asCommand({ group, expand, span, at }: Omit<Asked, "mesh">, now = Date.now()): { flags: string; query: string } {
  const time = (seconds: number): string => new Date(seconds * 1000).toISOString();
  const namespaces = expand.split(",").filter(Boolean);
  const what: Words = group ? [["group", group]] : [];
  const past: Words = at ? [["since", time(Number(at) - WINDOW_S)], ["until", time(Number(at))]] : [];
  const flags: Words = [...what, ...namespaces.map((name): [string, string] => ["expand", name]), ...past];
  const query: Words = [...what, ...(namespaces.length ? ([["expand", namespaces.join(",")]] as Words) : []), ...past];
  if (!at) {
    if (span !== SPAN) flags.push(["since", span]);
    query.push(["since", time(now / 1000 - SPANS[span])]);
  }
  return {
    flags: flags.map(([name, value]) => ` --${name} ${value}`).join(""),
    query: query.length ? `?${new URLSearchParams(query).toString()}` : "",
  };
}
