/** What leads from one state of a vote to another, and what doesn't. */

import { NoAnswer } from "@tsukuba-evote/shared/api";
import type { PreparedBallot, Question } from "@tsukuba-evote/shared/belenios";
import type { Receipt } from "@tsukuba-evote/shared/check";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type Event, next, placeOf, type State } from "../vote/machine.ts";
import { slugOfError } from "../vote/session.ts";

const questions: readonly Question[] = [
  { question: "市長", answers: ["甲", "乙"], blank: true, min: 1, max: 1 },
  { question: "議員", answers: ["丙", "丁", "戊"], blank: false, min: 1, max: 2 },
];
const ballot: PreparedBallot = {
  text: "{}",
  tracker: "T".repeat(43),
  opening: { electionUuid: "1", electionHash: "", credential: "", choices: [], seed: "", signature: { challenge: "0", response: "0" } },
};
const receipt: Receipt = {
  election_uuid: "1",
  tracker: ballot.tracker,
  position: { partition: 0, offset: 0 },
  accepted_at: "2026-11-28T00:00:00Z",
  signature: "",
};

function after(events: readonly Event[], from: State = { at: "landing" }): State {
  return events.reduce((state, event) => next(state, event, questions), from);
}

const toReview: readonly Event[] = [
  { type: "way-chosen", way: "card" },
  { type: "identified", credential: "secret" },
  { type: "marked", choice: [0, 1, 0] },
  { type: "continued" },
  { type: "marked", choice: [1, 1, 0] },
  { type: "continued" },
];
const review = after(toReview);
const encrypted = (state: State): Event => {
  if (state.at !== "review") {
    throw new Error("no review");
  }
  return { type: "encrypted", ballot, answers: state.answers };
};
const sealed = after([encrypted(review)], review);
const casting = after([{ type: "cast" }], sealed);

test("a voter identifies first, answers question by question, reviews, casts, and has a receipt", () => {
  expect(review).toMatchObject({ at: "review", ballot: null });
  expect(casting).toEqual({
    at: "casting",
    start: { kind: "fresh", text: "{}", tracker: ballot.tracker, credential: "secret" },
    delay: { why: "sending" },
  });
  expect(after([{ type: "received", receipt }], casting)).toEqual({ at: "receipt", receipt });
});

test("who was told that the election is over is shown no way in any more, whatever the browser's Back says", () => {
  for (const slug of ["election-closed", "election-abandoned", "no-answer-by-the-close"]) {
    const closed = after([{ type: "way-chosen", way: "face" }, { type: "refused", slug }, { type: "begun-again" }]);
    expect(closed).toEqual({ at: "closed", slug });
    expect(after([{ type: "went-to", place: "landing" }, { type: "went-to", place: "card" }, { type: "way-chosen", way: "card" }], closed)).toBe(closed);
  }
  expect(after([{ type: "refused", slug: "overloaded" }, { type: "begun-again" }], casting)).toEqual({ at: "landing" });
});

test("nothing is cast before its tracker was shown", () => {
  expect(after([{ type: "cast" }], review)).toBe(review);
});

test("a second tap on the button changes nothing", () => {
  expect(after([{ type: "cast" }, { type: "cast" }], casting)).toBe(casting);
});

test("once there is a receipt, no credential and no choice is left in the state", () => {
  const done = after([{ type: "received", receipt }], casting);
  expect(JSON.stringify(done)).not.toContain("secret");
  expect(JSON.stringify(casting)).not.toContain("choices");
});

test("a late answer to a ballot that has its receipt changes nothing", () => {
  const done = after([{ type: "received", receipt }], casting);
  expect(after([{ type: "refused", slug: "election-closed" }, { type: "delayed", delay: { why: "no-answer" } }], done)).toBe(done);
});

test("without a valid answer a question stays, and says so", () => {
  const first = after(toReview.slice(0, 2));
  expect(after([{ type: "continued" }], first)).toMatchObject({ at: "question", index: 0, unanswered: true });
  const second = after(toReview.slice(0, 4));
  expect(after([{ type: "marked", choice: [1, 1, 1] }, { type: "continued" }], second)).toMatchObject({
    at: "question",
    index: 1,
    unanswered: true,
  });
});

test("Back keeps every answer, and an answer that is changed leads to the review again", () => {
  const back = after([{ type: "went-to", place: "question-1" }], review);
  expect(back).toMatchObject({ at: "question", index: 0, answers: { choices: [[0, 1, 0], [1, 1, 0]] } });
  const changed = after([{ type: "marked", choice: [0, 0, 1] }, { type: "continued" }], back);
  expect(changed).toMatchObject({ at: "review", ballot: null, answers: { choices: [[0, 0, 1], [1, 1, 0]] } });
});

test("Back to before the identification loses no answer", () => {
  for (const place of ["landing", "card", "elsewhere", "question-9", "question-0"]) {
    expect(after([{ type: "went-to", place }], review)).toBe(review);
  }
});

test("a page whose earlier questions aren't answered can't be gone to", () => {
  const first = after(toReview.slice(0, 2));
  expect(after([{ type: "went-to", place: "review" }, { type: "went-to", place: "question-2" }], first)).toBe(first);
});

test("a ballot of answers that were changed meanwhile is not shown", () => {
  const late = encrypted(review);
  const changed = after(
    [{ type: "went-to", place: "question-1" }, { type: "marked", choice: [1, 0, 0] }, { type: "continued" }, late],
    review,
  );
  expect(changed).toMatchObject({ at: "review", ballot: null });
});

test("a ballot that was opened is never cast", () => {
  const opened = after([{ type: "opened" }], sealed);
  expect(opened.at).toBe("opened");
  expect(after([{ type: "cast" }], opened)).toBe(opened);
  // Nor is it shown again: what follows is a fresh one.
  expect(after([{ type: "thrown-away" }, { type: "cast" }], opened)).toMatchObject({ at: "review", ballot: null });
});

test("where a question may be left empty, going on is the answer", () => {
  const optional: Question[] = [{ question: "任意", answers: ["a"], blank: false, min: 0, max: 1 }];
  const start = next({ at: "identifying", way: "card" }, { type: "identified", credential: "secret" }, optional);
  expect(next(start, { type: "continued" }, optional)).toMatchObject({ at: "review", answers: { choices: [[0]] } });
});

describe("whatever happens in whatever order", () => {
  const events = fc.oneof(
    fc.constantFrom<Event>(
      { type: "way-chosen", way: "card" },
      { type: "way-chosen", way: "face" },
      { type: "identified", credential: "secret" },
      { type: "continued" },
      { type: "opened" },
      { type: "thrown-away" },
      { type: "cast" },
      { type: "delayed", delay: { why: "no-answer" } },
      { type: "received", receipt },
      { type: "refused", slug: "election-closed" },
      { type: "finished" },
      { type: "begun-again" },
    ),
    fc.constantFrom("landing", "card", "question-1", "question-2", "review").map((place): Event => ({ type: "went-to", place })),
    fc.constantFrom([1, 0, 0], [0, 1, 0], [1, 1, 1]).map((choice): Event => ({ type: "marked", choice })),
    fc.constant("encrypt" as const),
  );

  test("a receipt, a refusal while casting and nothing else ends the casting", () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 60 }), (drawn) => {
        let state: State = { at: "landing" };
        for (const item of drawn) {
          const event: Event | null = item === "encrypt" ? (state.at === "review" ? encrypted(state) : null) : item;
          if (event === null) {
            continue;
          }
          const was = state;
          state = next(was, event, questions);
          if (was.at === "casting" && state.at !== "casting") {
            expect(["received", "refused"]).toContain(event.type);
          }
          if (state.at === "casting" && was.at !== "casting") {
            expect(was).toMatchObject({ at: "review", ballot });
          }
          if (state.at === "finished" || state.at === "landing" || state.at === "refused" || state.at === "receipt") {
            expect(JSON.stringify(state)).not.toContain("secret");
          }
          expect(placeOf(state) ?? "").not.toContain("secret");
        }
      }),
    );
  });
});

test("only what the network does is said to be the service's being away", () => {
  expect(slugOfError(new NoAnswer("Failed to fetch"))).toBe("service-away");
  expect(slugOfError(new TypeError("undefined is not a function"))).toBe("worker-failed");
});
