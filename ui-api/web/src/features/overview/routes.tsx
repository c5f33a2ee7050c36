/** The pages of this feature and what their URLs hold. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";
import { texts } from "@/shared/search";

export const overviewRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  validateSearch: texts("span"),
  component: lazyRouteComponent(() => import("./OverviewPage"), "OverviewPage"),
});

export const overviewRoutes = [overviewRoute];
