/** The pages of this feature and what their URLs hold. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";

export const topologyStartRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/topology",
  component: lazyRouteComponent(() => import("./TopologyStart"), "TopologyStart"),
});

export const topologyRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/topology/$mesh",
  component: lazyRouteComponent(() => import("./TopologyPage"), "TopologyPage"),
});

export const topologyRoutes = [topologyStartRoute, topologyRoute];
