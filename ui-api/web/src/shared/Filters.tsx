/** Filters whose values live in the URL, so that what is shown can be shared by its link. */
import { useEffect, useState } from "react";

interface Common {
  label: string;
  value: string | undefined;
  onChange(value: string | undefined): void;
}

const PAUSE_MS = 250;

/** A text that is applied when typing pauses. The first one on a page gets the focus by `/`. */
export function TextFilter({ label, value, onChange, placeholder }: Common & { placeholder?: string }) {
  const [text, setText] = useState(value ?? "");
  useEffect(() => setText(value ?? ""), [value]);
  useEffect(() => {
    if (text === (value ?? "")) return undefined;
    const timer = setTimeout(() => onChange(text || undefined), PAUSE_MS);
    return () => clearTimeout(timer);
  });
  return (
    <label>
      {label}
      <input type="search" data-filter value={text} placeholder={placeholder} onChange={(event) => setText(event.target.value)} />
    </label>
  );
}

export function ChoiceFilter({ label, value, onChange, choices }: Common & { choices: readonly string[] }) {
  return (
    <label>
      {label}
      <select value={value ?? ""} onChange={(event) => onChange(event.target.value || undefined)}>
        <option value="">any</option>
        {choices.map((choice) => (
          <option key={choice} value={choice}>{choice.replaceAll("_", " ")}</option>
        ))}
      </select>
    </label>
  );
}

/** the options that the command line calls otherwise than the API its parameters */
const OPTIONS: Record<string, string> = { order_by: "sort-by", principal: "by", trace_id: "trace" };

/** The filters as words behind a command: `--state failed`. */
export function flags(filters: Record<string, unknown>): string {
  return Object.entries(filters)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]): [string, string] => [OPTIONS[name] ?? name.replaceAll("_", "-"), name === "order_by" ? ordered(String(value)) : String(value)])
    .map(([option, value]) => ` --${option} ${shellWord(value)}`)
    .join("");
}

/** An order as the command line writes it: `name desc` is `-name`. */
function ordered(order: string): string {
  return order.endsWith(" desc") ? `-${order.slice(0, -" desc".length)}` : order;
}

/** A text as one word of a shell. */
export function shellWord(text: string): string {
  return /^[\w./:@=,+~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The filters as a query string, with its question mark. */
export function queryString(filters: Record<string, unknown>): string {
  const parts = Object.entries(filters).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(parts.map(([name, value]): [string, string] => [name, String(value)])).toString();
  return text && `?${text}`;
}
