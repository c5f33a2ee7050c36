/** An address of no page. */
import { Link } from "@tanstack/react-router";
import { Empty, Page } from "@/shared/Page";

export default function NotFound() {
  return (
    <Page title="Not found" equivalent={{ cli: "--help", request: "GET /v1/overview" }}>
      <Empty title="There is no such page.">
        <Link to="/">To the overview</Link>
      </Empty>
    </Page>
  );
}
