/** What a question lets a voter mark: lists of a 0 or 1 for each ciphertext, the blank vote first where it is allowed. */

import type { Question } from "@tsukuba-evote/shared/belenios";

/** Nothing marked. */
export function nothingMarked(question: Question): readonly number[] {
  return [...(question.blank ? [0] : []), ...question.answers.map(() => 0)];
}

/** Whether the blank vote is marked. */
export function isBlank(question: Question, choice: readonly number[]): boolean {
  return question.blank && choice[0] === 1;
}

/** Numbers of the answers that are marked. */
export function markedAnswers(question: Question, choice: readonly number[]): readonly number[] {
  const marks = question.blank ? choice.slice(1) : choice;
  return marks.flatMap((marked, answer) => (marked === 1 ? [answer] : []));
}

/** The blank vote: it takes the place of everything that was marked. */
export function markBlank(question: Question): readonly number[] {
  return nothingMarked(question).with(0, 1);
}

/**
 * An answer marked, or taken back where several may be marked. Where one may be, it takes the place of another; a mark beyond
 * `max` stands, and {@link isValid} says no: what a voter marked is never taken away unseen.
 */
export function mark(question: Question, choice: readonly number[], answer: number): readonly number[] {
  const place = answer + (question.blank ? 1 : 0);
  if (question.max === 1) {
    return nothingMarked(question).with(place, 1);
  }
  const marked = choice.with(place, choice[place] === 1 ? 0 : 1);
  return question.blank ? marked.with(0, 0) : marked;
}

/** Whether a ballot can say it: blank alone, or between `min` and `max` answers. */
export function isValid(question: Question, choice: readonly number[]): boolean {
  const count = markedAnswers(question, choice).length;
  return isBlank(question, choice) ? count === 0 : count >= question.min && count <= question.max;
}
