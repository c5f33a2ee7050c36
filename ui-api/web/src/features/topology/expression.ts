/**
 * Expressions that find and hide nodes: `errors > 0.01 and namespace = shop or name ~ rev`.
 *
 * `and` binds stronger than `or`. Fields are those of `FIELDS`; a word alone looks for it in the name. What cannot be
 * read is an error with its place, never a guess.
 */
export interface Subject {
  name: string;
  namespace: string;
  version: string;
  kind: string;
  health: string;
  rate: number;
  errors: number;
  p99: number;
  mtls: number;
}

export const FIELDS = ["name", "namespace", "version", "kind", "health", "rate", "errors", "p99", "mtls"] as const;
export type Test = (subject: Subject) => boolean;

export class ExpressionError extends Error {}

const TOKEN = /\s*(>=|<=|!=|!~|[=~<>]|[^\s=~<>!]+)/y;
const WORDS = new Set(["name", "namespace", "version", "kind", "health"]);

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new ExpressionError(`cannot read ${JSON.stringify(text.slice(at).trim())}`);
    tokens.push(match[1] ?? "");
  }
  return tokens;
}

/** The test that an expression means. Throws ExpressionError. */
export function parse(text: string): Test {
  const tokens = tokensOf(text);
  const alternatives = split(tokens, "or").map((part) => {
    const all = split(part, "and").map(comparison);
    return (subject: Subject): boolean => all.every((test) => test(subject));
  });
  return (subject) => alternatives.some((test) => test(subject));
}

function split(tokens: string[], word: string): string[][] {
  const parts: string[][] = [[]];
  for (const token of tokens) {
    if (token.toLowerCase() === word) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

function comparison(tokens: string[]): Test {
  const [word = "", operator = "", value = "", ...rest] = tokens;
  const field = word === "error" ? "errors" : word;
  if (!field) throw new ExpressionError("something is missing beside `and` or `or`");
  if (!operator) return (subject) => subject.name.toLowerCase().includes(field.toLowerCase());
  if (!(FIELDS as readonly string[]).includes(field)) throw new ExpressionError(`unknown field ${field}: use ${FIELDS.join(", ")}`);
  if (!value || rest.length) throw new ExpressionError(`write ${field} ${operator} and one value`);
  return WORDS.has(field) ? compareText(field as "name", operator, value) : compareNumber(field as "rate", operator, value);
}

function compareText(field: "name" | "namespace" | "version" | "kind" | "health", operator: string, value: string): Test {
  const wanted = value.toLowerCase();
  const of = (subject: Subject): string => subject[field].toLowerCase();
  switch (operator) {
    case "=":
      return (subject) => of(subject) === wanted;
    case "!=":
      return (subject) => of(subject) !== wanted;
    case "~":
      return (subject) => of(subject).includes(wanted);
    case "!~":
      return (subject) => !of(subject).includes(wanted);
    default:
      throw new ExpressionError(`${field} is a text: compare it by =, !=, ~ or !~`);
  }
}

function compareNumber(field: "rate" | "errors" | "p99" | "mtls", operator: string, value: string): Test {
  const share = value.endsWith("%");
  const wanted = Number(share ? value.slice(0, -1) : value) / (share ? 100 : 1);
  if (Number.isNaN(wanted)) throw new ExpressionError(`${value} is no number`);
  switch (operator) {
    case ">":
      return (subject) => subject[field] > wanted;
    case ">=":
      return (subject) => subject[field] >= wanted;
    case "<":
      return (subject) => subject[field] < wanted;
    case "<=":
      return (subject) => subject[field] <= wanted;
    case "=":
      return (subject) => subject[field] === wanted;
    case "!=":
      return (subject) => subject[field] !== wanted;
    default:
      throw new ExpressionError(`${field} is a number: compare it by >, >=, <, <=, = or !=`);
  }
}
