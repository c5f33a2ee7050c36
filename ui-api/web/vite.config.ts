import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const api = process.env.MESHWRIGHT_URL ?? "http://127.0.0.1:8410";

export default defineConfig({
  // Relative, so that one build serves under any base path; the server writes <base href> into index.html.
  base: "./",
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../meshwright/ui_api/web/dist",
    emptyOutDir: true,
    target: "es2023",
    // Pages are lazy chunks; the graph, the editor and the charts are some of them.
    chunkSizeWarningLimit: 700,
  },
  worker: { format: "es" },
  server: { proxy: { "/v1": api, "/docs": api, "/openapi.json": api } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
