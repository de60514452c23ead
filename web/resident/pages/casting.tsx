/** While the ballot is on its way, when it was refused, and after the end. */

import { Status } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";

import { type Delay, OVER } from "../vote/machine.ts";
import { adviceOf } from "../words/problems.ts";
import type { Words } from "../words/index.ts";
import { Page } from "./page.tsx";
import { useWords } from "./surroundings.ts";
import { TroubleText } from "./trouble.tsx";

export function Casting({ delay, tracker, hurry }: { readonly delay: Delay; readonly tracker: string; readonly hurry: () => void }): VNode {
  const words = useWords();
  return (
    <Page title={words.casting.title} voted="not-yet">
      <p>
        <Text of={words.casting.stay} />
      </p>
      <Status>
        <p>
          <Text of={wordsOf(delay, words)} />
        </p>
      </Status>
      {delay.why === "no-answer" || delay.why === "busy" ? (
        <button type="button" class="secondary" onClick={hurry}>
          <Text of={words.tryNow} />
        </button>
      ) : null}
      <h2>
        <Text of={words.review.tracker} />
      </h2>
      <p class="tracker">{tracker}</p>
    </Page>
  );
}

function wordsOf(delay: Delay, { casting }: Words): string {
  switch (delay.why) {
    case "sending":
      return casting.sending;
    case "no-answer":
      return casting.noAnswer;
    case "busy":
      return casting.busy(delay.waitS);
    case "earlier-ballot":
      return casting.earlier;
  }
}

interface RefusedProps {
  readonly slug: string;
  readonly tracker: string | null;
  readonly again: () => void;
}

export function RefusedPage({ slug, tracker, again }: RefusedProps): VNode {
  const words = useWords();
  return (
    <Page title={words.refused.title} voted="not-yet">
      {adviceOf(slug) === "lying" ? null : (
        <p>
          <Text of={words.refused.notCast} />
        </p>
      )}
      <TroubleText trouble={{ slug, receptionNumber: null }} />
      {tracker === null ? null : (
        <p>
          <Text of={words.review.tracker} />: <span class="tracker">{tracker}</span>
        </p>
      )}
      <button type="button" onClick={again}>
        <Text of={OVER.has(slug) ? words.refused.toElection : words.again} />
      </button>
    </Page>
  );
}

export function Finished({ restart }: { readonly restart: () => void }): VNode {
  const words = useWords();
  return (
    <Page title={words.finished.title} voted="cast">
      <p>
        <Text of={words.finished.text} />
      </p>
      <button type="button" class="secondary" onClick={restart}>
        <Text of={words.finished.restart} />
      </button>
    </Page>
  );
}
