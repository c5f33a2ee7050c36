/** The route of all pages: the shell around them. */
import { createRootRoute, ErrorComponent } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { ApiError } from "@/api/problem";
import { ProblemNote } from "@/shared/ProblemNote";
import { Shell } from "./Shell";

const NotFound = lazy(() => import("./NotFound"));

export const rootRoute = createRootRoute({
  component: Shell,
  errorComponent: ({ error }) =>
    error instanceof ApiError ? <ProblemNote error={error} /> : <ErrorComponent error={error} />,
  notFoundComponent: () => <Suspense><NotFound /></Suspense>,
});
