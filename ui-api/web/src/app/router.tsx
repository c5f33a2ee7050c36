/** All pages. Each feature declares its own, and loads its code when it is first shown. */
import { createRouter } from "@tanstack/react-router";
import { BASE } from "@/api/client";
import { designRoutes } from "@/features/designs/routes";
import { eventRoutes } from "@/features/events/routes";
import { meshRoutes } from "@/features/meshes/routes";
import { operationRoutes } from "@/features/operations/routes";
import { overviewRoutes } from "@/features/overview/routes";
import { proxyRoutes } from "@/features/proxies/routes";
import { settingsRoutes } from "@/features/settings/routes";
import { signInRoutes } from "@/features/sign-in/routes";
import { topologyRoutes } from "@/features/topology/routes";
import { workloadRoutes } from "@/features/workloads/routes";
import { rootRoute } from "./root";

const routeTree = rootRoute.addChildren([
  ...overviewRoutes,
  ...topologyRoutes,
  ...meshRoutes,
  ...designRoutes,
  ...operationRoutes,
  ...eventRoutes,
  ...workloadRoutes,
  ...proxyRoutes,
  ...settingsRoutes,
  ...signInRoutes,
]);

export const router = createRouter({
  routeTree,
  basepath: new URL(BASE).pathname,
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
