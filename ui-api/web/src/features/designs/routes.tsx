/** The pages of this feature and what their URLs hold. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";

export const designsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/designs",
  component: lazyRouteComponent(() => import("./DesignsPage"), "DesignsPage"),
});

export const designRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/designs/$design",
  component: lazyRouteComponent(() => import("./DesignPage"), "DesignPage"),
});

export const designRoutes = [designsRoute, designRoute];
