/** Cast as intended: the ballot made again on this device from what the voting device revealed, and its tracker compared. */

import { BeleniosError, checkOpening, type Choices, type Election, isOpening, parseElection, parseOpening } from "@tsukuba-evote/shared/belenios";
import type { VNode } from "preact";
import { useRef, useState } from "preact/hooks";

import { readTracker } from "../check/pasted.ts";
import { read } from "../read/asking.ts";
import { ErrorSummary } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import { useElection, usePublic, useWords } from "./around.ts";
import { Scan } from "./scan.tsx";
import { PublicPage } from "./public_page.tsx";

const OPENING = "opening";
const TRACKER = "shown-tracker";

type Shown =
  | { readonly is: "asking" }
  | { readonly is: "error"; readonly message: string; readonly field: string }
  | { readonly is: "same"; readonly election: Election; readonly choices: Choices }
  | { readonly is: "differs" | "other-election" | "failed" };

export function Intended(): VNode {
  const words = useWords();
  const { services } = usePublic();
  const [shown, setShown] = useState<Shown>({ is: "asking" });
  const opening = useRef<HTMLTextAreaElement>(null);
  const tracker = useRef<HTMLInputElement>(null);
  const params = { path: { election_uuid: useElection() } };
  const compare = async () => {
    const asked = readTracker(tracker.current!.value);
    if (asked === null) {
      setShown({ is: "error", message: words.intended.badTracker, field: TRACKER });
      return;
    }
    let election: Election;
    try {
      election = parseElection(await read(() => services.tally.GET("/elections/{election_uuid}/election.json", { params, parseAs: "text" })));
    } catch {
      // Nobody answers, there is no such election, or its text is none: nothing can be said of the ballot.
      setShown({ is: "failed" });
      return;
    }
    setShown(compareOpening(election, opening.current!.value.trim(), asked, words.intended.badOpening));
  };
  return (
    <PublicPage title={words.place.intended}>
      {shown.is === "error" ? <ErrorSummary message={shown.message} field={shown.field} /> : null}
      <p>
        <Text of={words.intended.intro} />
      </p>
      <p>
        <Text of={words.intended.why} />
      </p>
      <p>
        <strong>
          <Text of={words.intended.private} />
        </strong>
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void compare();
        }}
      >
        <label for={OPENING}>
          <Text of={words.intended.opening} />
        </label>
        <p id="opening-hint">
          <Text of={words.intended.openingHint} />
        </p>
        <textarea id={OPENING} ref={opening} rows={5} aria-describedby="opening-hint" autocomplete="off" autocapitalize="off" spellcheck={false} />
        <Scan
          take={(code) => {
            const taken = isOpening(code);
            if (taken) {
              opening.current!.value = code;
              tracker.current!.focus();
            }
            return taken;
          }}
        />
        <label for={TRACKER}>
          <Text of={words.intended.tracker} />
        </label>
        <input id={TRACKER} ref={tracker} type="text" autocomplete="off" autocapitalize="off" spellcheck={false} />
        <div class="buttons">
          <button type="submit">
            <Text of={words.intended.button} />
          </button>
        </div>
      </form>
      <div role="status">
        <Verdict shown={shown} />
      </div>
    </PublicPage>
  );
}

function compareOpening(election: Election, text: string, tracker: string, badOpening: string): Shown {
  try {
    return { is: "same", election, choices: checkOpening(election, parseOpening(election, text), tracker) };
  } catch (error) {
    if (!(error instanceof BeleniosError)) {
      throw error;
    }
    switch (error.rule) {
      case "opening-election":
        return { is: "other-election" };
      case "opening-tracker":
      case "ballot-choices":
        return { is: "differs" };
      default:
        return { is: "error", message: badOpening, field: OPENING };
    }
  }
}

function Verdict({ shown }: { readonly shown: Shown }): VNode | null {
  const words = useWords();
  switch (shown.is) {
    case "asking":
    case "error":
      return null;
    case "failed":
      return <Text of={words.failed} />;
    case "other-election":
    case "differs":
      return (
        <p class="trouble">
          <strong>
            <Text of={shown.is === "differs" ? words.intended.differs : words.intended.otherElection} />
          </strong>
        </p>
      );
    case "same":
      return (
        <div class="done">
          <p>
            <strong>
              <Text of={words.intended.same} />
            </strong>
          </p>
          <dl class="chosen">
            {shown.election.questions.map((question, at) => (
              <div key={question.question}>
                <dt lang="ja" class="official">
                  {question.question}
                </dt>
                <Chosen answers={question.answers} blank={question.blank} marks={shown.choices[at] ?? []} />
              </div>
            ))}
          </dl>
          <p>
            <Text of={words.intended.sameMore} />
          </p>
        </div>
      );
  }
}

/** Belenios has the mark of the blank vote before those of the answers. */
function Chosen({ answers, blank, marks }: { readonly answers: readonly string[]; readonly blank: boolean; readonly marks: readonly number[] }): VNode {
  const words = useWords();
  const chosen = answers.filter((_, index) => marks[index + Number(blank)] === 1);
  if (blank && marks[0] === 1) {
    return (
      <dd>
        <Text of={words.intended.blank} />
      </dd>
    );
  }
  return chosen.length === 0 ? (
    <dd>
      <Text of={words.intended.nothing} />
    </dd>
  ) : (
    <>
      {chosen.map((answer) => (
        <dd key={answer} lang="ja">
          {answer}
        </dd>
      ))}
    </>
  );
}
