/** The proxies of all meshes, and one of them. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";
import { texts } from "@/shared/search";

export const proxiesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/proxies",
  validateSearch: texts("mesh", "namespace", "name", "state", "order_by"),
  component: lazyRouteComponent(() => import("./ProxiesPage"), "ProxiesPage"),
});

export const proxyRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/proxies/$proxy",
  component: lazyRouteComponent(() => import("./ProxyPage"), "ProxyPage"),
});

export const proxyRoutes = [proxiesRoute, proxyRoute];
