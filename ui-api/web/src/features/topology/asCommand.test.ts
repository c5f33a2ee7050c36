import { expect, test } from "vitest";
import { asCommand } from "./asCommand";

const NOW = { group: "", expand: "", span: "1m", at: "" } as const;

test("the command has the minute by itself, the request says it", () => {
  expect(asCommand(NOW, 60_000)).toEqual({ flags: "", query: "?since=1970-01-01T00%3A00%3A00.000Z" });
});

test("opened namespaces are one flag each, and one list in a request", () => {
  expect(asCommand({ ...NOW, group: "namespace", expand: "shop,billing" }, 60_000)).toEqual({
    flags: " --group namespace --expand shop --expand billing",
    query: "?group=namespace&expand=shop%2Cbilling&since=1970-01-01T00%3A00%3A00.000Z",
  });
});

test("a span is a time ago for the command, and a time for the request", () => {
  expect(asCommand({ ...NOW, span: "1h" }, 7_200_000)).toEqual({ flags: " --since 1h", query: "?since=1970-01-01T01%3A00%3A00.000Z" });
});

test("a moment of the past is the window before it, whatever the span", () => {
  expect(asCommand({ ...NOW, span: "1h", at: "100" }).flags).toBe(" --since 1970-01-01T00:01:25.000Z --until 1970-01-01T00:01:40.000Z");
});
