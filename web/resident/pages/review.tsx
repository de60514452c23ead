/** What was chosen, the tracker of the ballot that says so, and the one button that casts it. */

import { Qr, Status } from "@tsukuba-evote/shared/pages";
import { plain, Text } from "@tsukuba-evote/shared/words";
import type { Question } from "@tsukuba-evote/shared/belenios";
import { writeOpening } from "@tsukuba-evote/shared/belenios";
import type { VNode } from "preact";

import { isBlank, markedAnswers } from "../vote/choices.ts";
import type { State } from "../vote/machine.ts";
import { Page } from "./page.tsx";
import { useWords } from "./surroundings.ts";

type At<Name extends State["at"]> = Extract<State, { at: Name }>;

interface ReviewProps {
  readonly questions: readonly Question[];
  readonly state: At<"review">;
  readonly change: (index: number) => void;
  readonly cast: () => void;
  readonly check: () => void;
}

export function Review({ questions, state, change, cast, check }: ReviewProps): VNode {
  const words = useWords();
  const { answers, ballot } = state;
  return (
    <Page title={words.review.title} voted="not-yet">
      <p>
        <Text of={words.review.intro} />
      </p>
      <Chosen questions={questions} choices={answers.choices} change={change} />
      {ballot === null ? (
        <Status>
          <Text of={words.review.encrypting} />
        </Status>
      ) : (
        <>
          <h2>
            <Text of={words.review.tracker} />
          </h2>
          <p class="tracker">{ballot.tracker}</p>
          <p>
            <Text of={words.review.trackerMore} />
          </p>
          <div class="buttons">
            <button type="button" class="cast" onClick={cast}>
              <Text of={words.review.cast} />
            </button>
          </div>
          <p>
            <Text of={words.review.checkMore} />
          </p>
          <button type="button" class="secondary" onClick={check}>
            <Text of={words.review.check} />
          </button>
        </>
      )}
    </Page>
  );
}

interface ChosenProps {
  readonly questions: readonly Question[];
  readonly choices: readonly (readonly number[] | null)[];
  readonly change: ((index: number) => void) | null;
}

function Chosen({ questions, choices, change }: ChosenProps): VNode {
  const words = useWords();
  return (
    <dl class="chosen">
      {questions.map((question, index) => {
        const choice = choices[index]!;
        const names = choice === null ? [] : markedAnswers(question, choice).map((answer) => question.answers[answer]!);
        const blank = choice !== null && isBlank(question, choice);
        return (
          <div key={index}>
            <dt lang="ja">{question.question}</dt>
            <dd>
              {blank ? <Text of={words.question.blank} /> : null}
              {!blank && names.length === 0 ? <Text of={words.review.nothing} /> : null}
              {names.map((name, number) => (
                <p lang="ja" key={number}>
                  {name}
                </p>
              ))}
              {change === null ? null : (
                <button
                  type="button"
                  class="link"
                  aria-label={`${plain(words.change)}: ${question.question}`}
                  onClick={() => {
                    change(index);
                  }}
                >
                  <Text of={words.change} />
                </button>
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

interface OpenedProps {
  readonly questions: readonly Question[];
  readonly state: At<"opened">;
  readonly checkPage: string;
  readonly throwAway: () => void;
}

/** The opened ballot: everything that a second device needs to make it again. */
export function Opened({ questions, state, checkPage, throwAway }: OpenedProps): VNode {
  const words = useWords();
  return (
    <Page title={words.opened.title} voted="not-yet">
      <p>
        <Text of={words.opened.intro} />
      </p>
      <p>
        <Text of={words.receipt.checkPage} />: <span class="address">{checkPage}</span>
      </p>
      <p class="trouble">
        <Text of={words.opened.secret} />
      </p>
      <Qr text={writeOpening(state.ballot.opening)} label={plain(words.opened.code)} />
      <h2>
        <Text of={words.review.tracker} />
      </h2>
      <p class="tracker">{state.ballot.tracker}</p>
      <Chosen questions={questions} choices={state.answers.choices} change={null} />
      <button type="button" onClick={throwAway}>
        <Text of={words.opened.fresh} />
      </button>
    </Page>
  );
}
