/** What a design becomes on a mesh, asked of the mesh's adapter; nothing is changed. */
import { useQuery } from "@tanstack/react-query";
import { api, sending, type Schemas } from "@/api/client";
import { withId } from "./EditTab";

export type Preview = Schemas["Preview"];

function body(id: string, text: string, mesh: string) {
  return sending<Schemas["PreviewRequest"]>({ mesh, design: withId(id, text) as Schemas["DesignInput"] });
}

export function useTranslation(id: string, text: string, mesh: string) {
  return useQuery({
    queryKey: ["post", "/v1/designs/{id}:translate", { id, text, mesh }],
    enabled: mesh !== "",
    queryFn: async () => (await api.POST("/v1/designs/{id}:translate", { params: { path: { id } }, body: body(id, text, mesh) })).data as Preview,
  });
}

export function useDiff(id: string, text: string, mesh: string) {
  return useQuery({
    queryKey: ["post", "/v1/designs/{id}:diff", { id, text, mesh }],
    enabled: mesh !== "",
    staleTime: 0,
    queryFn: async () => (await api.POST("/v1/designs/{id}:diff", { params: { path: { id } }, body: body(id, text, mesh) })).data as Preview,
  });
}
