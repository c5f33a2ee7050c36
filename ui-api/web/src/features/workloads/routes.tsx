/** The workloads of all meshes, and one of them. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";
import { texts } from "@/shared/search";

export const workloadsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/workloads",
  validateSearch: texts("mesh", "namespace", "service", "version", "name", "order_by"),
  component: lazyRouteComponent(() => import("./WorkloadsPage"), "WorkloadsPage"),
});

export const workloadRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/workloads/$workload",
  validateSearch: texts("span"),
  component: lazyRouteComponent(() => import("./WorkloadPage"), "WorkloadPage"),
});

export const workloadRoutes = [workloadsRoute, workloadRoute];
