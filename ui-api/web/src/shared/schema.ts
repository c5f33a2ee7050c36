/**
 * What a form asks for, read from the JSON Schema that an adapter announces.
 *
 * Invariant: what a form cannot ask field by field (free objects, lists of objects) is asked as YAML, never left out.
 */
export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  enum?: (string | number | boolean)[];
  default?: unknown;
  pattern?: string;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  $ref?: string;
  $defs?: Record<string, Schema>;
  examples?: unknown[];
}

export type FieldKind = "text" | "number" | "flag" | "choice" | "lines" | "yaml";

export interface Field {
  name: string;
  kind: FieldKind;
  schema: Schema;
  required: boolean;
}

/** A schema with its reference into the document replaced by what it names. */
export function resolved(schema: Schema, root: Schema): Schema {
  const name = schema.$ref?.replace("#/$defs/", "");
  return name ? (root.$defs?.[name] ?? {}) : schema;
}

function kindOf(schema: Schema): FieldKind {
  if (schema.enum) return "choice";
  if (schema.type === "boolean") return "flag";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "array" && (schema.items?.type === "string" || !schema.items)) return "lines";
  return schema.type === "string" ? "text" : "yaml";
}

/** The fields of an object, required ones first. `without` names those that are asked elsewhere. */
export function fieldsOf(schema: Schema, root: Schema = schema, without: string[] = []): Field[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {})
    .filter(([name]) => !without.includes(name))
    .map(([name, part]) => {
      const whole = resolved(part, root);
      return { name, kind: kindOf(whole), schema: whole, required: required.has(name) };
    })
    .sort((a, b) => Number(b.required) - Number(a.required));
}

/** What is sent: fields that were left at their default or empty are left out. */
export function compact(values: Record<string, unknown>, fields: Field[]): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const { name, schema, required } of fields) {
    const value = values[name];
    const empty = value === undefined || value === "" || (Array.isArray(value) && !value.length);
    if (required ? value !== undefined : !empty && value !== schema.default) kept[name] = value;
  }
  return kept;
}
