/** One design as it is stored, with the version that a change must name; null when there is none of that name. */
import { useQuery } from "@tanstack/react-query";
import { api, type Schemas } from "@/api/client";
import { ApiError } from "@/api/problem";

export interface Stored {
  design: Schemas["Design"];
  etag: string;
}

export async function readDesign(id: string): Promise<Stored | null> {
  try {
    const { data, response } = await api.GET("/v1/designs/{id}", { params: { path: { id } } });
    return data ? { design: data, etag: response.headers.get("ETag") ?? "" } : null;
  } catch (error) {
    if (error instanceof ApiError && error.problem.status === 404) return null;
    throw error;
  }
}

export function useDesign(id: string) {
  return useQuery({ queryKey: ["get", "/v1/designs/{id}", { id }], queryFn: () => readDesign(id) });
}

/** Saves a design over the version that was read, and returns the new one; `etag` empty: only when there is none yet. */
export async function saveDesign(id: string, document: unknown, etag: string, reason: string, preview = false): Promise<string> {
  const header = etag ? { "If-Match": etag } : { "If-None-Match": "*" };
  const { response } = await api.PUT("/v1/designs/{id}", {
    params: { path: { id }, query: { validate_only: preview, reason }, header },
    body: document as Schemas["PutDesign"],
  });
  return response.headers.get("ETag") ?? "";
}
