/** My ballot: each step of the check in plain words, with what it proves. */

import type { VNode } from "preact";
import { useRef, useState } from "preact/hooks";

import { type Checked, checkMyBallot, type Outcome, STEPS, type StepName } from "../check/my_ballot.ts";
import { readPasted } from "../check/pasted.ts";
import { ErrorSummary, timeOf, useAround } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import { useElection, usePublic, useWords } from "./around.ts";
import { Scan } from "./scan.tsx";
import { PublicPage } from "./public_page.tsx";

const FIELD = "tracker";
/** A receipt has a few hundred bytes. */
const MOST_FILE_BYTES = 100_000;

type Shown =
  | { readonly is: "asking"; readonly error: string | null }
  | { readonly is: "checking" | "failed" }
  | { readonly is: "checked"; readonly checked: Checked };

export function MyBallot(): VNode {
  const words = useWords();
  const { services, receiptKey, policy } = usePublic();
  const electionUuid = useElection();
  const [shown, setShown] = useState<Shown>({ is: "asking", error: null });
  const text = useRef<HTMLTextAreaElement>(null);
  const fill = async (file: File) => {
    text.current!.value = await file.slice(0, MOST_FILE_BYTES).text();
  };
  const check = async (entered: string) => {
    const pasted = readPasted(entered);
    if (pasted === null) {
      setShown({ is: "asking", error: entered.trim() === "" ? words.ballot.empty : words.ballot.strange });
      return;
    }
    setShown({ is: "checking" });
    try {
      const city = { electionUuid, receiptKey, policy };
      setShown({ is: "checked", checked: await checkMyBallot(pasted, city, services) });
    } catch {
      // Nobody answers, or not in a form that can be judged: nothing can be said of the ballot.
      setShown({ is: "failed" });
    }
  };
  return (
    <PublicPage title={words.place.ballot}>
      {shown.is === "asking" && shown.error !== null ? <ErrorSummary message={shown.error} field={FIELD} /> : null}
      <p>
        <Text of={words.ballot.intro} />
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void check(text.current!.value);
        }}
      >
        <label for={FIELD}>
          <Text of={words.ballot.field} />
        </label>
        <p id="tracker-hint">
          <Text of={words.ballot.hint} />
        </p>
        <textarea
          id={FIELD}
          ref={text}
          rows={4}
          aria-describedby="tracker-hint"
          aria-invalid={shown.is === "asking" && shown.error !== null}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
        />
        <Scan
          take={(code) => {
            const taken = readPasted(code) !== null;
            if (taken) {
              text.current!.value = code;
              text.current!.focus();
            }
            return taken;
          }}
        />
        <p>
          <label for="receipt-file">
            <Text of={words.ballot.file} />
          </label>
          <br />
          <input
            id="receipt-file"
            type="file"
            accept=".txt,text/plain"
            onChange={(event) => {
              const [file] = event.currentTarget.files ?? [];
              if (file !== undefined) {
                void fill(file);
              }
            }}
          />
        </p>
        <div class="buttons">
          <button type="submit">
            <Text of={words.ballot.button} />
          </button>
        </div>
      </form>
      <div role="status">
        {shown.is === "checking" ? <Text of={words.ballot.checking} /> : null}
        {shown.is === "failed" ? <Text of={words.failed} /> : null}
        {shown.is === "checked" ? <Verdict checked={shown.checked} /> : null}
      </div>
      {shown.is === "checked" ? <Steps checked={shown.checked} /> : null}
    </PublicPage>
  );
}

function Verdict({ checked }: { readonly checked: Checked }): VNode {
  const words = useWords();
  const outcomes = Object.values(checked.outcomes);
  if (outcomes.includes("fails")) {
    return (
      <div class="trouble">
        <p>
          <strong>
            <Text of={words.ballot.wrong} />
          </strong>
        </p>
        <p>
          <Text of={words.ballot.wrongMore} />
        </p>
      </div>
    );
  }
  return (
    <p class="done">
      <strong>
        <Text of={outcomes.includes("not-yet") ? words.ballot.some : words.ballot.all} />
      </strong>
    </p>
  );
}

function Steps({ checked }: { readonly checked: Checked }): VNode {
  const words = useWords();
  const { language } = useAround();
  return (
    <>
      <dl>
        <dt>
          <Text of={words.board.tracker} />
        </dt>
        <dd class="tracker">{checked.tracker}</dd>
        {checked.acceptedAt === null ? null : (
          <>
            <dt>
              <Text of={words.ballot.acceptedAt} />
            </dt>
            <dd>
              <time dateTime={checked.acceptedAt}>{timeOf(checked.acceptedAt, language)}</time>
            </dd>
          </>
        )}
      </dl>
      <ol class="steps">
        {STEPS.map((step) => (
          <li key={step} class={checked.outcomes[step]}>
            <h2>
              <Text of={words.ballot.step[step]} />: <span class="mark"><Text of={words.ballot.outcome[checked.outcomes[step]]} /></span>
            </h2>
            <Proof step={step} outcome={checked.outcomes[step]} checked={checked} />
          </li>
        ))}
      </ol>
      <p>
        <Text of={words.ballot.later} />
      </p>
    </>
  );
}

/** What a step proves is said where it holds, and nowhere else. */
function Proof({ step, outcome, checked }: { readonly step: StepName; readonly outcome: Outcome; readonly checked: Checked }): VNode | null {
  const words = useWords();
  if (outcome !== "holds") {
    return null;
  }
  const { logIndex, treeSize, witnesses, anchors } = checked;
  return (
    <>
      <p>
        <Text of={words.ballot.proves[step]} />
      </p>
      {step === "included" && logIndex !== null && treeSize !== null ? (
        <p>
          <Text of={words.ballot.place(logIndex + 1, treeSize)} />
        </p>
      ) : null}
      {step === "witnessed" ? (
        <p>
          <Text of={words.ballot.witnesses(witnesses.join(", "))} />
        </p>
      ) : null}
      {step === "anchored" ? (
        <ul>
          {anchors.map(({ chain, ledger, transaction, block }) => (
            <li key={ledger}>
              <Text of={words.ballot.chain(chain, transaction, `${block}`)} />
            </li>
          ))}
        </ul>
      ) : null}
    </>
  );
}
