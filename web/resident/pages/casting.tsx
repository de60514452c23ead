/** While the ballot is on its way, when it was refused, and after the end. */

import { Status } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";

import { ASKED_AFTER_CLOSE_S } from "../vote/casting.ts";
import { type Delay, isInDoubt, OVER } from "../vote/machine.ts";
import type { Words } from "../words/index.ts";
import { Page } from "./page.tsx";
import { useWords } from "./surroundings.ts";
import { TroubleText } from "./trouble.tsx";

export function Casting({ delay, tracker, hurry }: { readonly delay: Delay; readonly tracker: string; readonly hurry: () => void }): VNode {
  const words = useWords();
  const [title, stay, voted] =
    delay.why === "closed"
      ? ([words.casting.closedTitle, words.casting.closedStay, "in-doubt"] as const)
      : ([words.casting.title, words.casting.stay, "not-yet"] as const);
  return (
    <Page title={title} voted={voted} part={voted}>
      <p>
        <Text of={stay} />
      </p>
      <Status>
        <p>
          <Text of={wordsOf(delay, words)} />
        </p>
      </Status>
      {delay.why === "no-answer" || delay.why === "busy" ? (
        <div class="buttons">
          <button type="button" class="secondary" onClick={hurry}>
            <Text of={words.tryNow} />
          </button>
        </div>
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
    case "closed":
      return casting.closed(ASKED_AFTER_CLOSE_S / 60);
  }
}

interface RefusedProps {
  readonly slug: string;
  readonly tracker: string | null;
  readonly checkPage: string;
  readonly again: () => void;
  /** Load the page anew: it posts the same bytes then. */
  readonly reload: () => void;
}

export function RefusedPage({ slug, tracker, checkPage, again, reload }: RefusedProps): VNode {
  const words = useWords();
  const inDoubt = isInDoubt({ slug, tracker });
  return (
    <Page title={inDoubt ? words.refused.inDoubt : words.refused.title} voted={inDoubt ? "in-doubt" : "not-yet"}>
      {inDoubt ? null : (
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
      {inDoubt ? (
        <p>
          <Text of={words.receipt.checkPage} />: <span class="address">{checkPage}</span>
        </p>
      ) : null}
      <div class="buttons">
        {inDoubt ? (
          <button type="button" onClick={reload}>
            <Text of={words.refused.ask} />
          </button>
        ) : null}
        <button type="button" class={inDoubt ? "secondary" : undefined} onClick={again}>
          <Text of={OVER.has(slug) ? words.refused.toElection : words.again} />
        </button>
      </div>
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
