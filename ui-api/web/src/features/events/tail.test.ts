import { expect, test } from "vitest";
import type { Event } from "@/live/live";
import { arrived, EMPTY, KEPT, resumed } from "./tail";

const event = (id: number): Event => ({ id }) as Event;
const many = (from: number, count: number): Event[] => Array.from({ length: count }, (_, index) => event(from + index));

test("the newest stands first", () => {
  expect(arrived(arrived(EMPTY, many(1, 2), false), many(3, 2), false).shown.map((each) => each.id)).toEqual([4, 3, 2, 1]);
});

test("what is dropped is counted", () => {
  const tail = arrived(arrived(EMPTY, many(1, KEPT), false), many(KEPT + 1, 7), false);
  expect([tail.shown.length, tail.dropped, tail.shown.at(-1)?.id]).toEqual([KEPT, 7, 8]);
});

test("a pause keeps what arrives, and going on shows it in order", () => {
  const paused = arrived(arrived(EMPTY, many(1, 1), false), many(2, 2), true);
  expect([paused.shown.length, paused.waiting.length]).toEqual([1, 2]);
  const tail = resumed(paused);
  expect([tail.shown.map((each) => each.id), tail.waiting]).toEqual([[3, 2, 1], []]);
});

test("the first event that came is known, also when it is no longer shown", () => {
  expect([EMPTY.first, arrived(arrived(EMPTY, many(5, 2), false), many(7, KEPT), true).first]).toEqual([Infinity, 5]);
});
