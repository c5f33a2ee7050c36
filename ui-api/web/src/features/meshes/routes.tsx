/** The pages of this feature and what their URLs hold. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";

export const meshesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/meshes",
  component: lazyRouteComponent(() => import("./MeshesPage"), "MeshesPage"),
});

export const meshRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/meshes/$mesh",
  component: lazyRouteComponent(() => import("./MeshPage"), "MeshPage"),
});

export const meshRoutes = [meshesRoute, meshRoute];
