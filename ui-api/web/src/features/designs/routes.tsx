/** The designs, and one of them with its versions, releases and drift. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";
import { texts } from "@/shared/search";

export const designsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/designs",
  validateSearch: texts("dialog"),
  component: lazyRouteComponent(() => import("./DesignsPage"), "DesignsPage"),
});

export const designRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/designs/$design",
  validateSearch: texts("tab", "mesh", "from", "to", "operation"),
  component: lazyRouteComponent(() => import("./DesignPage"), "DesignPage"),
});

export const designRoutes = [designsRoute, designRoute];
