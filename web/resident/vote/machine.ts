/**
 * A vote as a machine: what the voter sees is one of these states, and only what is listed here leads from one to another.
 *
 *     landing → identifying → question … question → review → casting → receipt → finished
 *                                                     ↕          ↘
 *                                                   opened      refused → closed
 *
 * No clock, no network: {@link ./session.ts} does what a state asks for and tells the machine what came of it. An event that a
 * state does not expect changes nothing, so that a double tap, a late answer or the browser's Back can't vote twice or lose answers.
 */

import type { Choices, PreparedBallot, Question } from "@tsukuba-evote/shared/belenios";
import type { Receipt } from "@tsukuba-evote/shared/check";

import { isValid, nothingMarked } from "./choices.ts";

/** How a voter shows who they are. */
export type Way = "phone" | "card" | "face";

/** What is posted: the same bytes until there is an answer. Encrypted and signed; neither choice nor private credential is in it. */
export interface Posting {
  readonly tracker: string;
  /** The exact body of the request. */
  readonly body: string;
}

/** What casting begins with: a ballot whose order is not signed yet, or what was posted before the page was loaded anew. */
export type CastStart =
  | { readonly kind: "fresh"; readonly text: string; readonly tracker: string; readonly credential: string }
  | ({ readonly kind: "reloaded" } & Posting);

/** Why a ballot that was sent has no receipt yet. */
export type Delay =
  | { readonly why: "sending" }
  /** No answer came, or none of the service's: it may have the ballot or not. */
  | { readonly why: "no-answer" }
  /** The service said when to ask again. */
  | { readonly why: "busy"; readonly waitS: number }
  /** An earlier ballot of the voter's stands: it is looked for in the log, to be numbered after. */
  | { readonly why: "earlier-ballot" }
  /** Voting closed, by a clock, before a ballot that may have arrived had an answer: its receipt is asked for. */
  | { readonly why: "closed" };

/** What a voter has said so far; `null`: not answered. Lives in this page's memory and nowhere else. */
export interface Answers {
  readonly credential: string;
  readonly choices: readonly (readonly number[] | null)[];
}

export type State =
  | { readonly at: "landing" }
  | { readonly at: "identifying"; readonly way: Way }
  | { readonly at: "question"; readonly index: number; readonly answers: Answers; readonly unanswered: boolean }
  /** `ballot`: null until it is encrypted. Its tracker is shown before the voter decides to cast or to check it. */
  | { readonly at: "review"; readonly answers: Answers; readonly ballot: PreparedBallot | null }
  /** The ballot's opening is on the screen: it can't be cast any more, only thrown away. */
  | { readonly at: "opened"; readonly answers: Answers; readonly ballot: PreparedBallot }
  | { readonly at: "casting"; readonly start: CastStart; readonly delay: Delay }
  /** With a receipt whose signature was verified. */
  | { readonly at: "receipt"; readonly receipt: Receipt }
  /** Not cast, for good, or {@link isInDoubt}. `slug`: the problem's kind, or one of ours. `tracker`: of the ballot that was sent, if one was. */
  | { readonly at: "refused"; readonly slug: string; readonly tracker: string | null }
  | { readonly at: "finished" }
  /** The election is over: no way in is shown any more. */
  | { readonly at: "closed"; readonly slug: string };

/** Refusals after which nobody can vote in this election any more, whichever way. */
export const OVER: ReadonlySet<string> = new Set(["election-closed", "election-abandoned", "no-answer-by-the-close"]);

/** Refusals that say nothing of the ballot that was sent. */
const IN_DOUBT: ReadonlySet<string> = new Set(["answer-does-not-hold", "no-answer-by-the-close"]);

/** Whether a ballot was sent, and nobody has said what became of it: the same bytes may still get its receipt. */
export function isInDoubt({ slug, tracker }: Pick<At<"refused">, "slug" | "tracker">): boolean {
  return tracker !== null && IN_DOUBT.has(slug);
}

export type Event =
  | { readonly type: "way-chosen"; readonly way: Way }
  | { readonly type: "identified"; readonly credential: string }
  | { readonly type: "marked"; readonly choice: readonly number[] }
  | { readonly type: "continued" }
  | { readonly type: "went-to"; readonly place: string }
  | { readonly type: "encrypted"; readonly ballot: PreparedBallot; readonly answers: Answers }
  | { readonly type: "opened" }
  | { readonly type: "thrown-away" }
  | { readonly type: "cast" }
  | { readonly type: "delayed"; readonly delay: Delay }
  | { readonly type: "received"; readonly receipt: Receipt }
  | { readonly type: "refused"; readonly slug: string }
  | { readonly type: "finished" }
  | { readonly type: "begun-again" };

/** The state after an event; the same object when the state does not expect it. */
export function next(state: State, event: Event, questions: readonly Question[]): State {
  switch (state.at) {
    case "landing":
      return fromLanding(state, event);
    case "identifying":
      return fromIdentifying(state, event, questions);
    case "question":
      return fromQuestion(state, event, questions);
    case "review":
      return fromReview(state, event, questions);
    case "opened":
      return fromOpened(state, event);
    case "casting":
      return fromCasting(state, event);
    case "receipt":
      return event.type === "finished" ? { at: "finished" } : state;
    case "refused":
      return event.type === "begun-again" ? (OVER.has(state.slug) ? { at: "closed", slug: state.slug } : { at: "landing" }) : state;
    case "finished":
      return event.type === "begun-again" ? { at: "landing" } : state;
    case "closed":
      return state;
  }
}

/** The name under which the browser's history knows a state; `null`: none, Back does not lead away from it. */
export function placeOf(state: State): string | null {
  switch (state.at) {
    case "landing":
      return "landing";
    case "identifying":
      return state.way;
    case "question":
      return `question-${state.index + 1}`;
    case "review":
      return "review";
    case "opened":
    case "casting":
    case "receipt":
    case "refused":
    case "finished":
    case "closed":
      return null;
  }
}

function fromLanding(state: At<"landing">, event: Event): State {
  if (event.type === "way-chosen") {
    return { at: "identifying", way: event.way };
  }
  const way = event.type === "went-to" ? wayNamed(event.place) : null;
  return way === null ? state : { at: "identifying", way };
}

function fromIdentifying(state: At<"identifying">, event: Event, questions: readonly Question[]): State {
  switch (event.type) {
    case "way-chosen":
      return { at: "identifying", way: event.way };
    case "identified": {
      const answers = { credential: event.credential, choices: questions.map(() => null) };
      return { at: "question", index: 0, answers, unanswered: false };
    }
    case "refused":
      return { at: "refused", slug: event.slug, tracker: null };
    case "went-to": {
      const way = wayNamed(event.place);
      return event.place === "landing" ? { at: "landing" } : way === null ? state : { at: "identifying", way };
    }
    default:
      return state;
  }
}

function fromQuestion(state: At<"question">, event: Event, questions: readonly Question[]): State {
  const { answers, index } = state;
  switch (event.type) {
    case "marked": {
      const choices = answers.choices.with(index, event.choice);
      return { ...state, answers: { ...answers, choices }, unanswered: false };
    }
    case "continued": {
      // Nothing marked is an answer where the question takes none.
      const choice = answers.choices[index] ?? nothingMarked(questions[index]!);
      const given = { ...answers, choices: answers.choices.with(index, choice) };
      if (!isAnswered(questions, given, index)) {
        return { ...state, unanswered: true };
      }
      // Who came back from the review to change one answer goes to the review again.
      const rest = questions.findIndex((_, at) => !isAnswered(questions, given, at));
      return rest < 0
        ? { at: "review", answers: given, ballot: null }
        : { at: "question", index: rest, answers: given, unanswered: false };
    }
    case "went-to":
      return goWithin(state, event.place, questions);
    case "refused":
      return { at: "refused", slug: event.slug, tracker: null };
    default:
      return state;
  }
}

function fromReview(state: At<"review">, event: Event, questions: readonly Question[]): State {
  const { answers, ballot } = state;
  switch (event.type) {
    case "encrypted":
      // A ballot of answers that were changed meanwhile is none of this review's.
      return event.answers === answers && ballot === null ? { ...state, ballot: event.ballot } : state;
    case "opened":
      return ballot === null ? state : { at: "opened", answers, ballot };
    case "cast":
      return ballot === null
        ? state
        : {
            at: "casting",
            start: { kind: "fresh", text: ballot.text, tracker: ballot.tracker, credential: answers.credential },
            delay: { why: "sending" },
          };
    case "went-to":
      return goWithin(state, event.place, questions);
    case "refused":
      return { at: "refused", slug: event.slug, tracker: null };
    default:
      return state;
  }
}

function fromOpened(state: At<"opened">, event: Event): State {
  return event.type === "thrown-away" ? { at: "review", answers: state.answers, ballot: null } : state;
}

function fromCasting(state: At<"casting">, event: Event): State {
  switch (event.type) {
    case "delayed":
      return { ...state, delay: event.delay };
    case "received":
      return { at: "receipt", receipt: event.receipt };
    case "refused":
      return { at: "refused", slug: event.slug, tracker: state.start.tracker };
    default:
      return state;
  }
}

/** Between questions and review, to any page whose questions before it are answered. */
function goWithin(state: At<"question"> | At<"review">, place: string, questions: readonly Question[]): State {
  const { answers } = state;
  if (place === placeOf(state)) {
    return state;
  }
  const answeredBefore = (end: number) => questions.slice(0, end).every((_, at) => isAnswered(questions, answers, at));
  if (place === "review") {
    return answeredBefore(questions.length) ? { at: "review", answers, ballot: null } : state;
  }
  const index = Number(/^question-([0-9]{1,3})$/.exec(place)?.[1] ?? 0) - 1;
  return index >= 0 && index < questions.length && answeredBefore(index)
    ? { at: "question", index, answers, unanswered: false }
    : state;
}

function isAnswered(questions: readonly Question[], answers: Answers, index: number): boolean {
  const [question, choice] = [questions[index]!, answers.choices[index]!];
  return choice !== null && isValid(question, choice);
}

/** All answers, as they are encrypted. Only a review has them. */
export function choicesOf(state: At<"review">): Choices {
  return state.answers.choices.map((choice) => {
    if (choice === null) {
      throw new Error("a review without an answer to each question");
    }
    return choice;
  });
}

function wayNamed(place: string): Way | null {
  return place === "phone" || place === "card" || place === "face" ? place : null;
}

type At<Name extends State["at"]> = Extract<State, { at: Name }>;
