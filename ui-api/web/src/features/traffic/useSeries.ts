/** Traffic over time, with the changes of configuration in the same span: what a chart marks. */
import { useQuery } from "@tanstack/react-query";
import { api, type Schemas } from "@/api/client";
import { SPANS, type Span } from "@/shared/spans";

export interface Asked {
  mesh: string;
  service?: string;
  namespace?: string;
  version?: string;
  span: Span;
}

export interface Series {
  points: Schemas["SeriesPoint"][];
  complete: boolean;
  /** seconds since 1970, and what was done then */
  marks: { at: number; label: string }[];
}

const REFRESH_MS = 5000;
const POINTS = 90;

export function useSeries({ mesh, service, namespace, version, span }: Asked) {
  return useQuery({
    queryKey: ["get", "/v1/meshes/{id}/series", { mesh, service, namespace, version, span }],
    refetchInterval: SPANS[span] > 3600 ? 6 * REFRESH_MS : REFRESH_MS,
    queryFn: async (): Promise<Series> => {
      const since = new Date(Date.now() - SPANS[span] * 1000).toISOString();
      const [series, changes] = await Promise.all([
        api.GET("/v1/meshes/{id}/series", { params: { path: { id: mesh }, query: { since, points: POINTS, service, namespace, version } } }),
        api.GET("/v1/operations", { params: { query: { mesh, since, changes: true, page_size: 100 } } }),
      ]);
      if (!series.data) throw new Error("the API sent no series");
      return { points: series.data.points, complete: series.data.complete, marks: (changes.data?.items ?? []).flatMap(mark) };
    },
  });
}

function mark(operation: Schemas["Operation"]): Series["marks"] {
  if (!operation.finished_at) return [];
  return [{ at: Date.parse(operation.finished_at) / 1000, label: operation.title || operation.kind }];
}
