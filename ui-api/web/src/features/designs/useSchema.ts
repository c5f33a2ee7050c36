/** The JSON Schema of a design, from the API's own document. */
import { useQuery } from "@tanstack/react-query";
import { BASE } from "@/api/client";
import type { Schema } from "@/shared/schema";
import { standalone } from "./editor/completion";

export function useDesignSchema(): Schema | null {
  const read = useQuery({
    queryKey: ["get", "/openapi.json"],
    staleTime: Infinity,
    queryFn: async () => {
      const document = (await (await fetch(new URL("openapi.json", BASE))).json()) as { components: { schemas: Record<string, Schema> } };
      return standalone(document.components.schemas, "DesignInput");
    },
  });
  return read.data ?? null;
}
