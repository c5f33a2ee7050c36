/** The graph of one mesh; everything that chooses what is shown lives in the URL. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";
import { texts } from "@/shared/search";

export const topologyStartRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/topology",
  component: lazyRouteComponent(() => import("./TopologyStart"), "TopologyStart"),
});

export const topologyRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/topology/$mesh",
  validateSearch: texts("view", "group", "expand", "find", "hide", "span", "at", "node", "around"),
  component: lazyRouteComponent(() => import("./TopologyPage"), "TopologyPage"),
});

export const topologyRoutes = [topologyStartRoute, topologyRoute];
