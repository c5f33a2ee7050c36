/** The route of all pages: the shell around them. */
import { createRootRoute, ErrorComponent, Link } from "@tanstack/react-router";
import { ApiError } from "@/api/problem";
import { Empty, Page } from "@/shared/Page";
import { ProblemNote } from "@/shared/ProblemNote";
import { Shell } from "./Shell";

export const rootRoute = createRootRoute({
  component: Shell,
  errorComponent: ({ error }) =>
    error instanceof ApiError ? <ProblemNote error={error} /> : <ErrorComponent error={error} />,
  notFoundComponent: () => (
    <Page title="Not found" equivalent={{ cli: "--help", request: "GET /v1/overview" }}>
      <Empty title="There is no such page.">
        <Link to="/">To the overview</Link>
      </Empty>
    </Page>
  ),
});
