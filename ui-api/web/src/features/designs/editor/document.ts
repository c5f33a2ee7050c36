/** A design as text: where a JSON pointer of the API stands in it, and at which path the cursor is. */
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node, type ParsedNode } from "yaml";

export interface Range {
  from: number;
  to: number;
}

export interface Mistake extends Range {
  message: string;
}

export interface Parsed {
  value: unknown;
  mistakes: Mistake[];
  document: Document.Parsed<ParsedNode>;
}

export function read(text: string): Parsed {
  const document = parseDocument(text, { lineCounter: new LineCounter(), prettyErrors: false });
  const mistakes = document.errors.map(({ message, pos }) => ({ message, from: pos[0], to: Math.max(pos[1], pos[0]) }));
  return { value: mistakes.length ? undefined : document.toJS({ maxAliasCount: 20 }), mistakes, document };
}

/** The range of what a JSON pointer (`#/intents/0/service`) means; of the nearest place above it where it is missing. */
export function rangeOf(document: Document.Parsed<ParsedNode>, pointer: string): Range {
  let node: Node | null = document.contents;
  let range: Range = { from: 0, to: 0 };
  for (const token of pointer.replace(/^#?\/?/, "").split("/").filter(Boolean)) {
    const key = token.replaceAll("~1", "/").replaceAll("~0", "~");
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      if (!pair) break;
      range = spanOf(pair.key as Node) ?? range;
      node = pair.value as Node | null;
      if (isScalar(node)) range = spanOf(node) ?? range;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(key)];
      if (!item || isPair(item)) break;
      node = item as Node;
      const start = spanOf(node);
      if (start) range = { from: start.from, to: start.from + 1 };
    } else break;
  }
  return range;
}

function spanOf(node: Node | null): Range | null {
  const range = node?.range;
  return range ? { from: range[0], to: range[1] } : null;
}

/**
 * The path of keys around an offset: of the mapping in which a key that is typed there would stand. Lists are numbers.
 * Worked out from the indentation, since what is being typed is seldom valid.
 */
export function pathAt(text: string, offset: number): (string | number)[] {
  const lines = text.slice(0, offset).split("\n");
  const current = lines.at(-1) ?? "";
  let indent = /^[ ]*(- +)*/.exec(current)?.[0].length ?? 0;
  const path: (string | number)[] = [];
  const after = /^(\s*(?:- +)*)([A-Za-z_][\w-]*):\s/.exec(current);
  if (after) {
    path.unshift(after[2] ?? "");
    indent = (after[1] ?? "").length;
  }
  const dashes = (line: string): number => (/^\s*((?:- +)*)/.exec(line)?.[1]?.match(/-/g) ?? []).length;
  let lists = dashes(current);
  if (lists) path.unshift(0);
  let level = current.length - current.trimStart().length;
  if (!lists) level = indent;
  for (const line of lines.slice(0, -1).reverse()) {
    if (!line.trim() || line.trim().startsWith("#")) continue;
    const plain = line.length - line.trimStart().length;
    const inner = /^\s*(?:- +)*/.exec(line)?.[0].length ?? 0;
    if (!lists && inner === level && dashes(line) && plain < level) {
      path.unshift(0);
      lists = 1;
      level = plain;
      continue;
    }
    const key = /^\s*(?:- +)*([A-Za-z_][\w-]*):\s*$/.exec(line);
    if (key && (inner < level || (lists > 0 && inner <= level && plain <= level && !dashes(line)))) {
      path.unshift(key[1] ?? "");
      level = plain;
      lists = dashes(line);
      if (lists) path.unshift(0);
    }
  }
  return path;
}
