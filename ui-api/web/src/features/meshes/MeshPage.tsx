import { Empty, Page } from "@/shared/Page";

export function MeshPage() {
  return (
    <Page title="Mesh" equivalent={{ cli: "meshes", request: "GET /v1/meshes" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
