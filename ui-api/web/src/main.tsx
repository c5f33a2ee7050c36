import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "@/api/problem";
import { App } from "@/app/App";
import { applyTheme } from "@/app/theme";
import "@/styles/tokens.css";
import "@/styles/base.css";
import "@/styles/components.css";

applyTheme();
const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal is an answer; only what did not answer at all is asked again.
      retry: (count, error) => count < 3 && (!(error instanceof ApiError) || error.problem.status >= 500),
      refetchOnWindowFocus: true,
    },
  },
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
