/** What is wrong with the text, while it is typed: its YAML, its fields, and what the mesh says against it. */
import type { Diagnostic } from "@codemirror/lint";
import { useEffect, useState } from "react";
import { api, sending, type Schemas } from "@/api/client";
import { asProblem, type FieldError } from "@/api/problem";
import { rangeOf, read } from "./editor/document";

const PAUSE_MS = 400;

export interface Problems {
  list: Diagnostic[];
  checking: boolean;
}

/** `etag` is that of the stored version, empty for a new design. */
export function useProblems(id: string, text: string, mesh: string, etag: string): Problems {
  const [state, setState] = useState<Problems>({ list: [], checking: false });
  useEffect(() => {
    const parsed = read(text);
    if (parsed.mistakes.length) {
      setState({ list: parsed.mistakes.map((each) => ({ ...each, severity: "error" })), checking: false });
      return undefined;
    }
    setState((before) => ({ ...before, checking: true }));
    let stale = false;
    const timer = setTimeout(() => {
      void problemsOf(id, parsed.value, mesh, etag).then((errors) => {
        if (stale) return;
        const list = errors.map(
          (each): Diagnostic => ({
            ...rangeOf(parsed.document, (each.pointer ?? "#").replace(/^#\/design/, "#")),
            severity: "error",
            message: [each.code, each.detail].filter(Boolean).join(" "),
          }),
        );
        setState({ list, checking: false });
      });
    }, PAUSE_MS);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [id, text, mesh, etag]);
  return state;
}

async function problemsOf(id: string, value: unknown, mesh: string, etag: string): Promise<FieldError[]> {
  const design = { ...(value && typeof value === "object" ? value : {}), id } as Schemas["DesignInput"];
  try {
    if (mesh) {
      const body = sending<Schemas["PreviewRequest"]>({ mesh, design });
      const { data } = await api.POST("/v1/designs/{id}:validate", { params: { path: { id } }, body });
      return data?.errors ?? [];
    }
    const body = design as Schemas["PutDesign"];
    const header = etag ? { "If-Match": etag } : {};
    await api.PUT("/v1/designs/{id}", { params: { path: { id }, query: { validate_only: true }, header }, body });
    return [];
  } catch (error) {
    const { errors, detail, title, status } = asProblem(error);
    // Whether it would replace something is asked when it is saved.
    if (status === 412 || status === 428) return [];
    return errors?.length ? errors : [{ pointer: "#", detail: detail || title }];
  }
}
