import { Empty, Page } from "@/shared/Page";

export function MeshesPage() {
  return (
    <Page title="Meshes" equivalent={{ cli: "meshes", request: "GET /v1/meshes" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
