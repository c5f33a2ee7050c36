/** The meshes of all connections, and one of them. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";
import { texts } from "@/shared/search";

export const meshesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/meshes",
  validateSearch: texts("kind", "connection", "state", "order_by", "dialog"),
  component: lazyRouteComponent(() => import("./MeshesPage"), "MeshesPage"),
});

export const meshRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/meshes/$mesh",
  validateSearch: texts("tab", "span", "dialog"),
  component: lazyRouteComponent(() => import("./MeshPage"), "MeshPage"),
});

export const meshRoutes = [meshesRoute, meshRoute];
