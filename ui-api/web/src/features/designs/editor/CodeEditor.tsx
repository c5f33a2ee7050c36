/** The editor of a design: YAML with completion and hover from the schema, and problems at their lines. */
import { acceptCompletion, autocompletion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { lintGutter, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { hoverTooltip, keymap } from "@codemirror/view";
import { basicSetup, EditorView } from "codemirror";
import { useEffect, useRef } from "react";
import type { Schema } from "@/shared/schema";
import { keysOf, schemasAt, valuesOf } from "./completion";
import { pathAt, read } from "./document";
import { THEME } from "./theme";

interface Props {
  text: string;
  onChange(text: string): void;
  problems: Diagnostic[];
  schema: Schema | null;
  readOnly?: boolean;
  label: string;
}

export default function CodeEditor({ text, onChange, problems, schema, readOnly = false, label }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onChange, schema, text });
  latest.current = { onChange, schema, text };

  useEffect(() => {
    if (!box.current) return undefined;
    const editor = new EditorView({
      parent: box.current,
      doc: latest.current.text,
      extensions: [
        basicSetup,
        yaml(),
        lintGutter(),
        THEME,
        EditorView.lineWrapping,
        EditorState.readOnly.of(readOnly),
        EditorView.contentAttributes.of({ "aria-label": label }),
        // Tab indents; Escape, then Tab leaves the editor (as CodeMirror documents for keyboard users).
        keymap.of([{ key: "Tab", run: acceptCompletion }, indentWithTab]),
        autocompletion({ override: [(context) => complete(context, latest.current.schema)] }),
        hoverTooltip((shown, offset) => hover(shown, offset, latest.current.schema)),
        leaving,
        EditorView.updateListener.of((update) => {
          if (update.docChanged) latest.current.onChange(update.state.doc.toString());
        }),
      ],
    });
    view.current = editor;
    return () => editor.destroy();
  }, [label, readOnly]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === text) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const length = editor.state.doc.length;
    const inside = problems.map((each) => ({ ...each, from: Math.min(each.from, length), to: Math.min(each.to, length) }));
    editor.dispatch(setDiagnostics(editor.state, inside));
  }, [problems]);

  return <div ref={box} className="code-editor" />;
}

/** After Escape, Tab leaves the editor until something else is typed: the library's two seconds are too few for some. */
const leaving = EditorView.domEventHandlers({
  keydown: (event, view) => {
    if (event.key === "Escape") view.setTabFocusMode(true);
    else if (!["Tab", "Shift"].includes(event.key)) view.setTabFocusMode(false);
  },
  focus: (_, view) => view.setTabFocusMode(false),
});

/** The name of the intent around a place, so that only its own fields are offered. */
function intentIn(text: string): (at: (string | number)[]) => string {
  const { value } = read(text);
  return (at) => {
    let place: unknown = value;
    for (const step of at) place = place && typeof place === "object" ? (place as Record<string, unknown>)[String(step)] : undefined;
    return place && typeof place === "object" && "intent" in place ? String(place.intent ?? "") : "";
  };
}

/** `pathAt` does not count the items of lists; an intent's name is looked for in the lines above the cursor instead. */
function intentAbove(text: string, offset: number): string {
  const lines = text.slice(0, offset).split("\n").reverse();
  for (const line of lines) {
    const found = /^\s*- +intent: *([a-z-]+)|^\s+intent: *([a-z-]+)/.exec(line);
    if (found) return found[1] ?? found[2] ?? "";
    if (/^\s*- /.test(line) && !/^\s{2,}- /.test(line)) return "";
  }
  return "";
}

function complete(context: CompletionContext, schema: Schema | null): CompletionResult | null {
  if (!schema) return null;
  const text = context.state.doc.toString();
  const word = context.matchBefore(/[\w-]*/);
  if (!context.explicit && (!word || word.from === word.to)) return null;
  const path = pathAt(text, context.pos);
  const intent = intentAbove(text, context.pos);
  const schemas = schemasAt(schema, path, (at) => (at[0] === "intents" && at.length === 2 ? intent : intentIn(text)(at)));
  const isValue = typeof path.at(-1) === "string" && /:\s+[\w-]*$/.test(text.slice(0, context.pos).split("\n").at(-1) ?? "");
  const choices = isValue ? valuesOf(schemas) : keysOf(schemas, schema);
  return { from: word?.from ?? context.pos, options: choices.map((each) => ({ ...each, type: isValue ? "constant" : "property" })), validFor: /^[\w-]*$/ };
}

function hover(view: EditorView, offset: number, schema: Schema | null) {
  if (!schema) return null;
  const line = view.state.doc.lineAt(offset);
  const key = /^(\s*(?:- +)*)([A-Za-z_][\w-]*):/.exec(line.text);
  if (!key) return null;
  const text = view.state.doc.toString();
  const start = line.from + (key[1] ?? "").length;
  const path = pathAt(text, start);
  const name = key[2] ?? "";
  const intent = intentAbove(text, line.to);
  const known = keysOf(schemasAt(schema, path, () => intent), schema).find((each) => each.label === name);
  if (!known) return null;
  return {
    pos: start,
    end: start + name.length,
    create: () => {
      const dom = document.createElement("div");
      dom.className = "hover-note";
      dom.textContent = [known.label, known.detail && `(${known.detail})`, known.info].filter(Boolean).join(" ");
      return { dom };
    },
  };
}
