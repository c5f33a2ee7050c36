import { Navigate } from "@tanstack/react-router";
import { query } from "@/api/client";
import { Empty, Loaded, Page } from "@/shared/Page";

export function TopologyStart() {
  const read = query.useQuery("get", "/v1/meshes", { params: { query: { page_size: 1 } } });
  return (
    <Page title="Topology" equivalent={{ cli: "topology", request: "GET /v1/meshes" }}>
      <Loaded of={read}>
        {({ items }) =>
          items[0] ? (
            <Navigate to="/topology/$mesh" params={{ mesh: items[0].id }} replace />
          ) : (
            <Empty title="There is no mesh whose traffic could be shown." command="meshwright meshes install istio --connection prod --wait" />
          )
        }
      </Loaded>
    </Page>
  );
}
