import { expect, test } from "vitest";
import { csv } from "./csv";

test("cells with commas, quotes and line breaks are quoted", () => {
  expect(csv([{ a: 'say "x"', b: "1,2" }, { a: "l\nm", c: 3 }])).toBe('a,b,c\r\n"say ""x""","1,2",\r\n"l\nm",,3\r\n');
});

test("a text that looks like a formula stays a text", () => {
  expect(csv([{ name: "=cmd()" }])).toBe("name\r\n'=cmd()\r\n");
});
