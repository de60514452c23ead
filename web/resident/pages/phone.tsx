/** The way in by マイナアプリ: what the app will ask for, the way there, and what came back. */

import { Status } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Refused } from "../vote/retrying.ts";
import { slugOfError } from "../vote/session.ts";
import type { PhoneProgress, PhoneReturn, ReleasedByPhone } from "../ways/phone.ts";
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
  ) => Promise<ReleasedByPhone>;
  readonly identified: (credential: string) => void;
  /** The other ways to vote. */
  readonly others: VNode;
}

type PhoneView =
  | { readonly is: "explained" }
  | { readonly is: "given-up" }
  | { readonly is: "working"; readonly progress: PhoneProgress }
  /** Whoever sends a voter an address with a code of their own would have them vote with their credential: so the voter is asked. */
  | { readonly is: "released"; readonly released: ReleasedByPhone }
  | { readonly is: "somebody-elses" }
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
  const ask = async (released: Promise<ReleasedByPhone>) => {
    setView({ is: "released", released: await released });
  };
  useEffect(() => {
    if (returned !== null && returned.code !== null) {
      show(ask(release({ ...returned, code: returned.code }, tell, left.signal)));
    }
    return () => {
      left.abort();
    };
  }, []);
  if (view.is === "released") {
    const { credential, holder } = view.released;
    return (
      <Page title={words.phone.whose} voted="not-yet" part="released">
        <p class="holder" lang="ja">
          {holder}
        </p>
        <p>
          <Text of={words.phone.whoseMore} />
        </p>
        <div class="buttons">
          <button
            type="button"
            onClick={() => {
              identified(credential);
            }}
          >
            <Text of={words.phone.mine} />
          </button>
          <button
            type="button"
            class="secondary"
            onClick={() => {
              setView({ is: "somebody-elses" });
            }}
          >
            <Text of={words.phone.notMine} />
          </button>
        </div>
      </Page>
    );
  }
  return (
    <Page title={words.phone.title} voted="not-yet" part={view.is}>
      {view.is === "working" ? <Working progress={view.progress} /> : null}
      {view.is === "failed" ? <TroubleText trouble={view.trouble} /> : null}
      {view.is === "given-up" || view.is === "somebody-elses" ? (
        <p class="trouble">
          <strong>
            <Text of={view.is === "given-up" ? words.phone.givenUp : words.phone.somebodyElses} />
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
