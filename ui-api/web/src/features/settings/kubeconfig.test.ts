import { expect, test } from "vitest";
import { readKubeconfig } from "./kubeconfig";

test("the contexts and the current one are read", () => {
  const text = "current-context: prod\ncontexts:\n- name: prod\n- name: stage\nusers: []\n";
  expect(readKubeconfig(text)).toEqual({ contexts: ["prod", "stage"], current: "prod" });
});

test.each(["", "{", "a: 1", "contexts: []", "- x"])("%j is no kubeconfig", (text) => {
  expect(readKubeconfig(text)).toBeNull();
});
