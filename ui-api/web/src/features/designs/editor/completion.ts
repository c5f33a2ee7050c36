/** What may stand at a place of a design, read from its JSON Schema. */
import { resolved, type Schema } from "@/shared/schema";

export interface Choice {
  label: string;
  detail: string;
  info: string;
  apply: string;
}

type Components = Record<string, Schema>;

/** The schemas that a place may have: an intent is one of several until its name is written. */
export function schemasAt(root: Schema, path: (string | number)[], chosen: (at: (string | number)[]) => string): Schema[] {
  let schemas = expand(root, root, "");
  path.forEach((step, index) => {
    const at = path.slice(0, index + 1);
    schemas = schemas.flatMap((schema) => {
      const next = typeof step === "number" ? schema.items : schema.properties?.[step];
      return next ? expand(next, root, chosen(at)) : [];
    });
  });
  return schemas;
}

/** A schema's alternatives; only those whose `intent` is the one that was written, where one was. */
function expand(schema: Schema, root: Schema, intent: string): Schema[] {
  const whole = resolved(schema, root);
  const options = (whole.anyOf ?? [whole]).map((each) => resolved(each, root)).filter((each) => each.type !== "null");
  const matching = intent ? options.filter((each) => !each.properties?.intent || each.properties.intent.enum?.includes(intent)) : options;
  return matching.length ? matching : options;
}

export function keysOf(schemas: Schema[], root: Schema): Choice[] {
  const choices = new Map<string, Choice>();
  for (const schema of schemas) {
    for (const [name, part] of Object.entries(schema.properties ?? {})) {
      const whole = resolved(part, root);
      const nested = whole.type === "array" || whole.type === "object" || whole.properties;
      const required = schema.required?.includes(name) ? "required" : "";
      choices.set(name, { label: name, detail: required || typeOf(whole), info: whole.description ?? "", apply: nested ? `${name}:\n` : `${name}: ` });
    }
  }
  return [...choices.values()];
}

export function valuesOf(schemas: Schema[]): Choice[] {
  const values = schemas.flatMap((schema) => {
    if (schema.type === "boolean") return ["true", "false"];
    return (schema.enum ?? schema.examples ?? []).map(String);
  });
  return [...new Set(values)].map((label) => ({ label, detail: "", info: "", apply: label }));
}

export function typeOf(schema: Schema): string {
  if (schema.enum) return "one of several";
  return schema.type ?? (schema.anyOf ? "one of several" : "");
}

/** A component of the OpenAPI document as a schema of its own: references point into `$defs`. */
export function standalone(components: Components, name: string): Schema {
  const text = JSON.stringify({ ...components[name], $defs: components });
  return JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/")) as Schema;
}
