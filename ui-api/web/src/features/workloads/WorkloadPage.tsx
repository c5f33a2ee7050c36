import { Empty, Page } from "@/shared/Page";

export function WorkloadPage() {
  return (
    <Page title="Workload" equivalent={{ cli: "workloads", request: "GET /v1/workloads" }}>
      <Empty title="This page is being built." />
    </Page>
  );
}
