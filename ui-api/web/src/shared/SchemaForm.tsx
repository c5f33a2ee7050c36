/** Inputs for the fields of a JSON Schema. Free objects are written as YAML. */
import { useId, useState } from "react";
import { parse, stringify } from "yaml";
import type { Field } from "./schema";

interface Props {
  fields: Field[];
  values: Record<string, unknown>;
  onChange(values: Record<string, unknown>): void;
}

export function SchemaForm({ fields, values, onChange }: Props) {
  return (
    <div className="fields">
      {fields.map((field) => (
        <Input key={field.name} field={field} value={values[field.name] ?? field.schema.default} onChange={(value) => onChange({ ...values, [field.name]: value })} />
      ))}
    </div>
  );
}

function Input({ field, value, onChange }: { field: Field; value: unknown; onChange(value: unknown): void }) {
  const id = useId();
  const { schema } = field;
  const hint = schema.description ? <span className="soft" id={`${id}-hint`}>{schema.description}</span> : null;
  const common = { id, required: field.required, "aria-describedby": hint ? `${id}-hint` : undefined };
  if (field.kind === "flag") {
    return (
      <label className="inline">
        <input type="checkbox" checked={value === true} onChange={(event) => onChange(event.target.checked)} />
        <span>{words(field.name)} {hint}</span>
      </label>
    );
  }
  return (
    <label htmlFor={id}>
      <span>{words(field.name)}{field.required && " *"}</span>
      {field.kind === "choice" && (
        <select {...common} value={String(value ?? "")} onChange={(event) => onChange(event.target.value)}>
          {!field.required && !schema.enum?.includes("") && <option value="">chosen by the adapter</option>}
          {schema.enum?.map((choice) => (
            <option key={String(choice)} value={String(choice)}>{choice === "" ? "chosen by the adapter" : String(choice)}</option>
          ))}
        </select>
      )}
      {field.kind === "text" && (
        <input
          {...common}
          value={typeof value === "string" ? value : ""}
          pattern={schema.pattern}
          maxLength={schema.maxLength}
          placeholder={typeof schema.examples?.[0] === "string" ? schema.examples[0] : undefined}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      {field.kind === "number" && (
        <input
          {...common}
          type="number"
          min={schema.minimum}
          max={schema.maximum}
          value={typeof value === "number" ? value : ""}
          onChange={(event) => onChange(event.target.value === "" ? undefined : Number(event.target.value))}
        />
      )}
      {field.kind === "lines" && (
        <textarea
          {...common}
          rows={2}
          placeholder="one on each line"
          value={Array.isArray(value) ? value.join("\n") : ""}
          onChange={(event) => onChange(event.target.value.split("\n").filter(Boolean))}
        />
      )}
      {field.kind === "yaml" && <YamlInput id={id} value={value} onChange={onChange} />}
      {hint}
    </label>
  );
}

function YamlInput({ id, value, onChange }: { id: string; value: unknown; onChange(value: unknown): void }) {
  const empty = value === undefined || (typeof value === "object" && value !== null && !Object.keys(value).length);
  const [text, setText] = useState(() => (empty ? "" : stringify(value)));
  const [problem, setProblem] = useState("");
  const change = (next: string): void => {
    setText(next);
    try {
      onChange(next.trim() ? parse(next) : undefined);
      setProblem("");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <>
      <textarea id={id} className="mono" rows={4} spellCheck={false} placeholder="YAML" aria-invalid={problem !== ""} value={text} onChange={(event) => change(event.target.value)} />
      {problem && <span className="soft" role="alert">{problem}</span>}
    </>
  );
}

function words(name: string): string {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
