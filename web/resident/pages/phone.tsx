/** The way in by マイナアプリ: what the app will ask for, the way there, and what came back. */

import { Status } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Refused } from "../vote/retrying.ts";
import { slugOfError } from "../vote/session.ts";
import type { PhoneProgress, PhoneReturn } from "../ways/phone.ts";
import { Page } from "./page.tsx";
import { useWords } from "./surroundings.ts";
import { type Trouble, TroubleText } from "./trouble.tsx";

export interface PhonePageProps {
  /** What the voter came back with; null: not from the app. */
  readonly returned: PhoneReturn | null;
  /** Sends the voter to the app. */
  readonly leave: (tell: (progress: PhoneProgress) => void, signal: AbortSignal) => Promise<void>;
  readonly release: (
    returned: PhoneReturn & { readonly code: string },
    tell: (progress: PhoneProgress) => void,
    signal: AbortSignal,
  ) => Promise<string>;
  readonly identified: (credential: string) => void;
  /** The other ways to vote. */
  readonly others: VNode;
}

type PhoneView =
  | { readonly is: "explained" }
  | { readonly is: "given-up" }
  | { readonly is: "working"; readonly progress: PhoneProgress }
  | { readonly is: "failed"; readonly trouble: Trouble };

export function PhonePage({ returned, leave, release, identified, others }: PhonePageProps): VNode {
  const words = useWords();
  const [view, setView] = useState<PhoneView>(
    returned === null ? { is: "explained" } : returned.code === null ? { is: "given-up" } : { is: "working", progress: { step: "releasing" } },
  );
  const [left] = useState(() => new AbortController());
  const tell = (progress: PhoneProgress) => {
    setView({ is: "working", progress });
  };
  const show = (work: Promise<void>) => {
    work.catch((error: unknown) => {
      if (!left.signal.aborted) {
        const receptionNumber = error instanceof Refused ? error.receptionNumber : null;
        setView({ is: "failed", trouble: { slug: slugOfError(error), receptionNumber } });
      }
    });
  };
  useEffect(() => {
    if (returned !== null && returned.code !== null) {
      show(release({ ...returned, code: returned.code }, tell, left.signal).then(identified));
    }
    return () => {
      left.abort();
    };
  }, []);
  return (
    <Page title={words.phone.title} voted="not-yet" part={view.is}>
      {view.is === "working" ? <Working progress={view.progress} /> : null}
      {view.is === "failed" ? <TroubleText trouble={view.trouble} /> : null}
      {view.is === "given-up" ? (
        <p class="trouble">
          <strong>
            <Text of={words.phone.givenUp} />
          </strong>
        </p>
      ) : null}
      {view.is === "working" ? null : (
        <>
          <p>
            <Text of={words.phone.explain} />
          </p>
          <p>
            <Text of={words.phone.comesBack} />
          </p>
          <div class="buttons">
            <button
              type="button"
              onClick={() => {
                show(leave(tell, left.signal));
              }}
            >
              <Text of={words.phone.begin} />
            </button>
          </div>
          {others}
        </>
      )}
    </Page>
  );
}

function Working({ progress }: { readonly progress: PhoneProgress }): VNode {
  const words = useWords();
  const said = {
    asking: () => words.phone.asking,
    releasing: () => words.card.releasing,
    waiting: () => words.card.waiting(progress.step === "waiting" ? progress.seconds : 0),
  }[progress.step]();
  return (
    <Status>
      <Text of={said} />
    </Status>
  );
}
