/**
 * In which layer a node stands, and in which order within it: from those who call to those who are called.
 *
 * The layers are the longest ways from the first callers; calls that close a circle do not count. Within a layer nodes
 * stand in the mean order of their neighbours (Sugiyama, Tagawa and Toda, 1981).
 */
export interface Ends {
  from: string;
  to: string;
}

const SWEEPS = 8;

/** The number of each node's layer. No call stays within a layer; the same graph has the same layers in any order. */
export function ranksOf(ids: string[], calls: Ends[]): Map<string, number> {
  const callees = neighbours(ids, calls, "from", "to");
  const callers = neighbours(ids, calls, "to", "from");
  const rank = new Map<string, number>();
  const open = new Set<string>();
  const order: string[] = [];
  const back = new Set<string>();
  const visit = (id: string): void => {
    if (rank.has(id)) return;
    rank.set(id, 0);
    open.add(id);
    for (const next of [...(callees.get(id) ?? [])].sort()) {
      if (open.has(next)) back.add(`${id}\n${next}`);
      else visit(next);
    }
    open.delete(id);
    order.unshift(id);
  };
  const sorted = [...ids].sort();
  for (const id of [...sorted.filter((each) => !callers.get(each)?.length), ...sorted]) visit(id);
  for (const id of order) {
    for (const next of callees.get(id) ?? []) {
      if (!back.has(`${id}\n${next}`)) rank.set(next, Math.max(rank.get(next) ?? 0, (rank.get(id) ?? 0) + 1));
    }
  }
  return rank;
}

/** Each layer in the mean order of the neighbours in the layers around it. */
export function ordered(layers: string[][], calls: Ends[]): string[][] {
  const all = layers.flat();
  const near = [neighbours(all, calls, "to", "from"), neighbours(all, calls, "from", "to")] as const;
  const position = new Map<string, number>();
  const number = (layer: string[]): void => layer.forEach((id, index) => position.set(id, index - layer.length / 2));
  layers.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const [side, sequence] = sweep % 2 ? [near[1], [...layers].reverse()] : [near[0], layers];
    for (const layer of sequence) {
      const mean = new Map(layer.map((id) => [id, meanOf(side.get(id) ?? [], position) ?? position.get(id) ?? 0]));
      layer.sort((one, other) => (mean.get(one) ?? 0) - (mean.get(other) ?? 0));
      number(layer);
    }
  }
  return layers;
}

export function meanOf(ids: string[], values: Map<string, number>): number | null {
  return ids.length ? ids.reduce((sum, id) => sum + (values.get(id) ?? 0), 0) / ids.length : null;
}

export function neighbours(ids: string[], calls: Ends[], of: "from" | "to", to: "from" | "to"): Map<string, string[]> {
  const known = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const call of calls) if (call.from !== call.to && known.has(call[to])) known.get(call[of])?.push(call[to]);
  return known;
}
