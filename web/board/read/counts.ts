/** Figures of turnout and result as the pages show them. */

import type { Election } from "@tsukuba-evote/shared/belenios";
import { percent } from "@tsukuba-evote/shared/read";
import * as v from "valibot";

/** A row of the turnout table: who had voted by a full hour. */
export interface TurnoutRow {
  /** RFC 3339. */
  readonly until: string;
  readonly voters: number;
  /** Percent of the roll, with two decimals as the city's tables have them. */
  readonly rate: string;
}

export function turnoutRows(hours: readonly { readonly until: string; readonly voters: number }[], rollSize: number): readonly TurnoutRow[] {
  return hours.map(({ until, voters }) => ({ until, voters, rate: percent(voters, rollSize) }));
}

/** How often each choice was made. */
export interface Counted {
  readonly question: string;
  readonly lines: readonly { readonly answer: string | null; readonly count: number; readonly share: string }[];
}

const ResultText = v.object({ result: v.array(v.array(v.pipe(v.number(), v.safeInteger(), v.minValue(0)))) });

/**
 * Belenios' `result` beside its questions. `answer: null` is the blank vote, which Belenios counts first and the page shows last.
 *
 * @returns null for a text that doesn't fit the questions.
 */
export function countsOf(election: Election, text: string): readonly Counted[] | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const read = v.safeParse(ResultText, json);
  if (!read.success || read.output.result.length !== election.questions.length) {
    return null;
  }
  const counted: Counted[] = [];
  for (const [at, { question, answers, blank }] of election.questions.entries()) {
    const counts = read.output.result[at] ?? [];
    const blanks = blank ? counts.slice(0, 1) : [];
    const votes = blank ? counts.slice(1) : counts;
    if (votes.length !== answers.length || blanks.length !== Number(blank)) {
      return null;
    }
    const all = counts.reduce((sum, count) => sum + count, 0);
    const line = (answer: string | null, count: number) => ({ answer, count, share: percent(count, all) });
    counted.push({
      question,
      lines: [...answers.map((answer, index) => line(answer, votes[index] ?? 0)), ...blanks.map((count) => line(null, count))],
    });
  }
  return counted;
}
