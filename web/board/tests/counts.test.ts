/** Figures: turnout, result, and how often a page asks. */

import { expect, test } from "vitest";

import { linkTo, readAddress } from "../app/address.ts";
import { Away, percent, poll } from "@tsukuba-evote/shared/read";
import { countsOf, turnoutRows } from "../read/counts.ts";
import { ELECTION } from "./pretend.ts";

test("the turnout table says how many had voted by when, and the part of the roll that they are", () => {
  expect(
    turnoutRows(
      [
        { until: "2026-11-28T03:00:00Z", voters: 12 },
        { until: "2026-11-28T05:00:00Z", voters: 28 },
      ],
      300,
    ),
  ).toEqual([
    { until: "2026-11-28T03:00:00Z", voters: 12, rate: "4.00" },
    { until: "2026-11-28T05:00:00Z", voters: 28, rate: "9.33" },
  ]);
  expect([percent(99_999, 100_000), percent(1, 1), percent(0, 0)]).toEqual(["99.99", "100.00", "0.00"]);
});

test("counts stand beside their answers, and the blank vote last", () => {
  const election = { ...ELECTION, questions: [{ question: "q", answers: ["a", "b"], blank: true, min: 1, max: 1 }] };
  expect(countsOf(election, '{"result":[[2,5,3]]}')).toEqual([
    {
      question: "q",
      lines: [
        { answer: "a", count: 5, share: "50.00" },
        { answer: "b", count: 3, share: "30.00" },
        { answer: null, count: 2, share: "20.00" },
      ],
    },
  ]);
});

test.each(["", "{}", '{"result":[]}', '{"result":[[1]]}', '{"result":[[1,2,-3]]}', '{"result":[[1,2,3,4]]}'])("a result that doesn't fit is none: %s", (text) => {
  const election = { ...ELECTION, questions: [{ question: "q", answers: ["a", "b"], blank: true, min: 1, max: 1 }] };
  expect(countsOf(election, text)).toBeNull();
});

test("a page in the background asks nothing, one that is looked at asks again, and an outage is told", async () => {
  const left = new AbortController();
  const answers: (() => number)[] = [
    () => 1,
    () => {
      throw new Away();
    },
    () => 2,
  ];
  const told: (number | null)[] = [];
  const document = new EventTarget() as EventTarget & { visibilityState: string };
  document.visibilityState = "hidden";
  let isDone = false;
  const polling = poll(
    async () => answers.shift()!(),
    10,
    document,
    async (milliseconds) => {
      expect(milliseconds).toBeGreaterThanOrEqual(10_000);
      expect(milliseconds).toBeLessThanOrEqual(12_000);
    },
    left.signal,
    (data) => {
      told.push(data);
      if (answers.length === 0) {
        left.abort();
      }
    },
  ).then(() => (isDone = true));
  await new Promise((resolve) => setTimeout(resolve));
  expect([told, isDone]).toEqual([[1], false]);
  document.visibilityState = "visible";
  document.dispatchEvent(new Event("visibilitychange"));
  await polling;
  expect(told).toEqual([1, null, 2]);
});

test("an address names election, page and language, and takes nothing else", () => {
  const address = { electionUuid: ELECTION.uuid, place: "turnout" } as const;
  const query = new URLSearchParams(linkTo(address, "en"));
  expect(readAddress(query)).toEqual(address);
  expect(query.get("lang")).toBe("en");
  expect(readAddress(new URLSearchParams("election=../x&page=officer"))).toEqual({ electionUuid: null, place: "ballot" });
});
