/** The pages of this feature and what their URLs hold. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";

export const proxiesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/proxies",
  component: lazyRouteComponent(() => import("./ProxiesPage"), "ProxiesPage"),
});

export const proxyRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/proxies/$proxy",
  component: lazyRouteComponent(() => import("./ProxyPage"), "ProxyPage"),
});

export const proxyRoutes = [proxiesRoute, proxyRoute];
