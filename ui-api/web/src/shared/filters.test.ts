import { expect, test } from "vitest";
import { flags, shellWord } from "./Filters";

test("filters are options of the command line, by its names", () => {
  expect(flags({ state: "failed", principal: "admin", trace_id: "abc", order_by: "name desc", mesh: "", kind: undefined })).toBe(
    " --state failed --by admin --trace abc --sort-by -name",
  );
});

test("what a shell would take apart is one word", () => {
  expect(flags({ name: "a b" })).toBe(" --name 'a b'");
  expect(shellWord("it's $HOME")).toBe("'it'\\''s $HOME'");
});
