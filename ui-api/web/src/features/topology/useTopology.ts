/** The graph as it is now, over a span of time, or at a moment of the past. */
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { api, type Schemas } from "@/api/client";
import { SPANS, type Span } from "@/shared/spans";
import type { Topology } from "./elements";

export const topologyRoute = getRouteApi("/topology/$mesh");
/** what the URL says of the page */
export type Search = ReturnType<typeof topologyRoute.useSearch>;

type Group = NonNullable<Schemas["Topology"]["group"]>;

const REFRESH_MS = 5000;
/** A single window may be two seconds long: what is called less often would come and go. */
export const SPAN: Span = "1m";
/** seconds around a moment of the past that are shown as one picture */
export const WINDOW_S = 15;

export interface Asked {
  mesh: string;
  group: string;
  expand: string;
  span: Span;
  /** seconds since 1970; empty: now */
  at: string;
}

export function useTopology({ mesh, group, expand, span, at }: Asked) {
  return useQuery({
    queryKey: ["get", "/v1/meshes/{id}/topology", { mesh, group, expand, span, at }],
    refetchInterval: at ? false : REFRESH_MS,
    // What is shown stays until the next is read, unless it is another mesh's.
    placeholderData: (before: Topology | undefined) => (before?.mesh === mesh ? before : undefined),
    queryFn: async (): Promise<Topology> => {
      const time = (seconds: number): string => new Date(seconds * 1000).toISOString();
      const moment = Number(at);
      const when = at
        ? { since: time(moment - WINDOW_S), until: time(moment) }
        : { since: time(Date.now() / 1000 - SPANS[span]) };
      // Without a group the server chooses: services, or namespaces where there are many.
      const asked = { ...(group ? { group: group as Group } : {}), ...(expand ? { expand: expand.split(",") } : {}), ...when };
      const { data } = await api.GET("/v1/meshes/{id}/topology", { params: { path: { id: mesh }, query: asked } });
      if (!data) throw new Error("the API sent no topology");
      return data;
    },
  });
}
