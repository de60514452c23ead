/** The way in by card: what the reader and the card are like, the number to compare, and what to do when it fails. */

import { Status } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Refused } from "../vote/retrying.ts";
import { slugOfError } from "../vote/session.ts";
import { AgentRefused, type CardState } from "../ways/agent.ts";
import type { CardProgress } from "../ways/card.ts";
import type { Words } from "../words/index.ts";
import { AGENT_ADVICE_OF } from "../words/problems.ts";
import { Page } from "./page.tsx";
import { useWords } from "./surroundings.ts";
import { type Trouble, TroubleText } from "./trouble.tsx";

export interface CardPageProps {
  /** How the card is. `null`: this page was not opened by an agent. */
  readonly look: ((signal: AbortSignal) => Promise<CardState>) | null;
  readonly release: (tell: (progress: CardProgress) => void, signal: AbortSignal) => Promise<string>;
  readonly identified: (credential: string) => void;
  /** The other ways to vote. */
  readonly others: VNode;
}

type CardView =
  | { readonly is: "looking" }
  | { readonly is: "seen"; readonly card: CardState; readonly triesLeft: number | null }
  | { readonly is: "working"; readonly progress: CardProgress }
  | { readonly is: "failed"; readonly trouble: Trouble };

export function CardPage({ look, release, identified, others }: CardPageProps): VNode {
  const words = useWords();
  const [view, setView] = useState<CardView>(look === null ? unpaired : { is: "looking" });
  const [left] = useState(() => new AbortController());
  const lookNow = () => {
    if (look !== null) {
      setView({ is: "looking" });
      show(look(left.signal).then((card) => setView({ is: "seen", card, triesLeft: null })));
    }
  };
  const begin = () => {
    setView({ is: "working", progress: { step: "asking" } });
    const tell = (progress: CardProgress) => setView({ is: "working", progress });
    show(release(tell, left.signal).then(identified));
  };
  const show = (work: Promise<unknown>) => {
    work.catch((error: unknown) => {
      if (!left.signal.aborted) {
        setView(failureOf(error));
      }
    });
  };
  useEffect(() => {
    lookNow();
    return () => {
      left.abort();
    };
  }, []);
  return (
    <Page title={words.card.title} voted="not-yet" part={view.is}>
      <View view={view} />
      {view.is === "working" || view.is === "looking" ? null : (
        <div class="buttons">
          {view.is === "seen" && view.card.code === "ready" ? (
            <button type="button" onClick={begin}>
              <Text of={words.card.begin} />
            </button>
          ) : null}
          {look === null ? null : (
            <button type="button" class="secondary" onClick={lookNow}>
              <Text of={words.card.look} />
            </button>
          )}
        </div>
      )}
      {view.is === "working" ? null : others}
    </Page>
  );
}

const unpaired: CardView = { is: "seen", card: { code: "pairing-refused" }, triesLeft: null };

function View({ view }: { readonly view: CardView }): VNode {
  const words = useWords();
  switch (view.is) {
    case "looking":
      return <Status>…</Status>;
    case "failed":
      return <TroubleText trouble={view.trouble} />;
    case "working":
      return <Working progress={view.progress} words={words} />;
    case "seen":
      return <Seen card={view.card} triesLeft={view.triesLeft} words={words} />;
  }
}

function Working({ progress, words: { card } }: { readonly progress: CardProgress; readonly words: Words }): VNode {
  switch (progress.step) {
    case "asking":
      return (
        <Status>
          <Text of={card.asking} />
        </Status>
      );
    case "releasing":
      return (
        <Status>
          <Text of={card.releasing} />
        </Status>
      );
    case "waiting":
      return (
        <Status>
          <Text of={card.waiting(progress.seconds)} />
        </Status>
      );
    case "agent-asks":
      return (
        <Status>
          <p>
            <Text of={card.compare} />
          </p>
          <p>
            <Text of={card.number} />: <span class="number">{progress.number}</span>
          </p>
        </Status>
      );
  }
}

interface SeenProps {
  readonly card: CardState;
  readonly triesLeft: number | null;
  readonly words: Words;
}

function Seen({ card, triesLeft, words }: SeenProps): VNode {
  if (card.code === "ready") {
    return (
      <Status>
        <p>
          <Text of={words.card.ready} />
        </p>
        <p>
          <Text of={words.card.pinTries(card.pinTriesLeft)} />
        </p>
        <p>
          <Text of={words.card.passwordTries(card.passwordTriesLeft)} />
        </p>
      </Status>
    );
  }
  const advice = AGENT_ADVICE_OF[card.code];
  return (
    <Status>
      <p class="trouble">
        <strong>
          <Text of={words.agent[advice].title} />
        </strong>
      </p>
      {triesLeft === null ? null : (
        <p>
          <Text of={words.card.triesLeft(triesLeft)} />
        </p>
      )}
      <p>
        <Text of={words.agent[advice].todo} />
      </p>
      {advice === "missing" || advice === "pairing" ? (
        <p>
          <Text of={words.card.install} />
        </p>
      ) : null}
    </Status>
  );
}

function failureOf(error: unknown): CardView {
  if (error instanceof AgentRefused && error.code !== "ready") {
    return { is: "seen", card: { code: error.code }, triesLeft: error.triesLeft };
  }
  const receptionNumber = error instanceof Refused ? error.receptionNumber : null;
  return { is: "failed", trouble: { slug: slugOfError(error), receptionNumber } };
}
