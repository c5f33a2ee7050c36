/** The pages of this feature and what their URLs hold. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";

export const workloadsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/workloads",
  component: lazyRouteComponent(() => import("./WorkloadsPage"), "WorkloadsPage"),
});

export const workloadRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/workloads/$workload",
  component: lazyRouteComponent(() => import("./WorkloadPage"), "WorkloadPage"),
});

export const workloadRoutes = [workloadsRoute, workloadRoute];
