/** Operations and dead letters, and what their URLs hold. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";
import { texts } from "@/shared/search";

export const operationsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/operations",
  validateSearch: texts("state", "kind", "mesh", "adapter", "principal", "trace_id", "order_by"),
  component: lazyRouteComponent(() => import("./OperationsPage"), "OperationsPage"),
});

export const operationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/operations/$operation",
  validateSearch: texts("tab"),
  component: lazyRouteComponent(() => import("./OperationPage"), "OperationPage"),
});

export const deadLettersRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/deadletters",
  validateSearch: texts("letter", "state", "adapter"),
  component: lazyRouteComponent(() => import("./DeadLettersPage"), "DeadLettersPage"),
});

export const operationRoutes = [operationsRoute, operationRoute, deadLettersRoute];
