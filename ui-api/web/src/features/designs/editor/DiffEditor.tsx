/** Two texts with what differs, side by side or, where there is no room, as one; what is alike is folded away. */
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { yaml } from "@codemirror/lang-yaml";
import { EditorState } from "@codemirror/state";
import { lineNumbers } from "@codemirror/view";
import { EditorView } from "codemirror";
import { useEffect, useRef } from "react";
import { THEME } from "./theme";

const NARROW = "(max-width: 640px)";
const COLLAPSED = { margin: 3, minSize: 6 };

export default function DiffEditor({ before, after, label }: { before: string; after: string; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!box.current) return undefined;
    const parent = box.current;
    const extensions = (side: string) => [
      yaml(),
      lineNumbers(),
      THEME,
      EditorView.lineWrapping,
      EditorState.readOnly.of(true),
      EditorView.contentAttributes.of({ "aria-label": side ? `${label}, ${side}` : label, tabindex: "0" }),
    ];
    const view = matchMedia(NARROW).matches
      ? new EditorView({
          parent,
          doc: after,
          extensions: [extensions(""), unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: COLLAPSED })],
        })
      : new MergeView({
          parent,
          a: { doc: before, extensions: extensions("before") },
          b: { doc: after, extensions: extensions("after") },
          collapseUnchanged: COLLAPSED,
        });
    return () => view.destroy();
  }, [before, after, label]);
  return <div ref={box} className="diff-editor" />;
}
