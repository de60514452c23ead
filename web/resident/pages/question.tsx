/** One question: what may be marked, in the order that law or lot gave. */

import { ErrorSummary } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import type { Question } from "@tsukuba-evote/shared/belenios";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import { isBlank, mark, markBlank, markedAnswers, nothingMarked } from "../vote/choices.ts";
import type { Words } from "../words/index.ts";
import { Frame } from "./page.tsx";
import { useWords } from "./surroundings.ts";

interface QuestionProps {
  readonly question: Question;
  /** What the election commission says of the election, in its own words. */
  readonly official: string;
  readonly index: number;
  readonly count: number;
  readonly choice: readonly number[] | null;
  readonly unanswered: boolean;
  readonly onMark: (choice: readonly number[]) => void;
  readonly onContinue: () => void;
  /** `null` at the first question: what came before is the identification. */
  readonly onBack: (() => void) | null;
}

export function QuestionPage(props: QuestionProps): VNode {
  const { question, official, index, count, unanswered, onMark, onContinue, onBack } = props;
  const words = useWords();
  const heading = useRef<HTMLHeadingElement>(null);
  const choice = props.choice ?? nothingMarked(question);
  const marked = markedAnswers(question, choice);
  const kind = question.max === 1 ? "radio" : "checkbox";
  const progress = words.question.progress(index + 1, count);
  useLayoutEffect(() => {
    heading.current?.focus();
  }, [index]);
  const option = (place: string, label: VNode, checked: boolean, next: () => readonly number[]) => (
    <li key={place}>
      <label class="option">
        <input
          id={place}
          type={kind}
          name={`question-${index}`}
          checked={checked}
          onChange={() => {
            onMark(next());
          }}
        />
        <span>{label}</span>
      </label>
    </li>
  );
  return (
    <Frame title={progress} voted="not-yet">
      {unanswered ? <ErrorSummary message={faultOf(question, marked.length, words)} field="answer-0" /> : null}
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          onContinue();
        }}
      >
        <fieldset aria-describedby="rule">
          <legend>
            <span class="progress">
              <Text of={progress} />
            </span>
            <h1 ref={heading} tabIndex={-1} lang="ja" class="official">
              {question.question}
            </h1>
          </legend>
          <p id="rule">
            <Text of={ruleOf(question, words)} />{" "}
            <Text of={words.question.count(question.answers.length + (question.blank ? 1 : 0))} />
          </p>
          <ul class="options">
            {question.answers.map((answer, number) =>
              option(`answer-${number}`, <span lang="ja">{answer}</span>, marked.includes(number), () =>
                mark(question, choice, number),
              ),
            )}
            {question.blank
              ? option("blank", <Text of={words.question.blank} />, isBlank(question, choice), () => markBlank(question))
              : null}
          </ul>
        </fieldset>
        {official === "" ? null : (
          <details>
            <summary>
              <Text of={words.officialText} />
            </summary>
            <p lang="ja" class="official">
              {official}
            </p>
          </details>
        )}
        <div class="buttons">
          <button type="submit">
            <Text of={words.next} />
          </button>
          {onBack === null ? null : (
            <button type="button" class="secondary" onClick={onBack}>
              <Text of={words.back} />
            </button>
          )}
        </div>
      </form>
    </Frame>
  );
}

function ruleOf({ min, max }: Question, { question: words }: Words): string {
  if (max === 1 && min === 1) {
    return words.one;
  }
  if (min === max) {
    return words.exactly(max);
  }
  return min === 0 ? words.upTo(max) : words.between(min, max);
}

function faultOf({ min, max }: Question, count: number, { question: words }: Words): string {
  if (count > max) {
    return words.tooMany(max);
  }
  return count > 0 && count < min ? words.tooFew(min) : words.missing;
}
