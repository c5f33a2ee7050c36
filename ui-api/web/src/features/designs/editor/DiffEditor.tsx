/** Two texts side by side with what differs; what is alike is folded away. */
import { MergeView } from "@codemirror/merge";
import { yaml } from "@codemirror/lang-yaml";
import { EditorState } from "@codemirror/state";
import { lineNumbers } from "@codemirror/view";
import { EditorView } from "codemirror";
import { useEffect, useRef } from "react";
import { THEME } from "./theme";

export default function DiffEditor({ before, after, label }: { before: string; after: string; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!box.current) return undefined;
    const part = (doc: string, side: string) => ({
      doc,
      extensions: [
        yaml(),
        lineNumbers(),
        THEME,
        EditorView.lineWrapping,
        EditorState.readOnly.of(true),
        EditorView.contentAttributes.of({ "aria-label": `${label}, ${side}`, tabindex: "0" }),
      ],
    });
    const view = new MergeView({
      parent: box.current,
      a: part(before, "before"),
      b: part(after, "after"),
      collapseUnchanged: { margin: 3, minSize: 6 },
    });
    return () => view.destroy();
  }, [before, after, label]);
  return <div ref={box} className="diff-editor" />;
}
