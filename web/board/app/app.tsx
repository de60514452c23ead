/** Which page is shown, or which elections there are to choose from. */

import { AroundContext, useAround } from "@tsukuba-evote/shared/pages";
import { type Language, Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";
import { useMemo, useState } from "preact/hooks";

import { type Public, PublicContext, useLive, usePublic, useWords } from "../pages/around.ts";
import { Accessibility } from "../pages/accessibility.tsx";
import { Board } from "../pages/board.tsx";
import { Intended } from "../pages/intended.tsx";
import { MyBallot } from "../pages/my_ballot.tsx";
import { Freshness, PublicPage } from "../pages/public_page.tsx";
import { Result } from "../pages/result.tsx";
import { Status } from "../pages/status.tsx";
import { Turnout } from "../pages/turnout.tsx";
import { read } from "../read/asking.ts";
import { ACCESSIBILITY, linkTo, type PLACES } from "./address.ts";

const PAGES: Readonly<Record<(typeof PLACES)[number], () => VNode>> = {
  ballot: MyBallot,
  board: Board,
  turnout: Turnout,
  result: Result,
  status: Status,
  intended: Intended,
};
const EVERY_S = 60;

interface AppProps {
  readonly language: Language;
  readonly helpdesk: string;
  readonly around: Public;
  readonly tellLanguage: (language: Language) => void;
}

export function App({ language, helpdesk, around, tellLanguage }: AppProps): VNode {
  const [spoken, setSpoken] = useState(language);
  const surroundings = useMemo(
    () => ({
      language: spoken,
      helpdesk,
      setLanguage: (chosen: Language) => {
        setSpoken(chosen);
        tellLanguage(chosen);
      },
    }),
    [spoken],
  );
  const { electionUuid, place } = around.address;
  const Shown = place === ACCESSIBILITY ? Accessibility : electionUuid === null ? Elections : PAGES[place];
  return (
    <AroundContext.Provider value={surroundings}>
      <PublicContext.Provider value={around}>
        <Shown />
      </PublicContext.Provider>
    </AroundContext.Provider>
  );
}

function Elections(): VNode {
  const words = useWords();
  const { address, services } = usePublic();
  const { language } = useAround();
  const live = useLive(() => read(() => services.tally.GET("/elections", { cache: "no-cache" })), EVERY_S, "elections");
  // Drafts have neither ballots nor a result.
  const shown = live.data?.elections.filter(({ opened_at: opened }) => opened !== null);
  return (
    <PublicPage title={words.choose}>
      {shown === undefined ? null : shown.length === 0 ? (
        <p>
          <Text of={words.noElections} />
        </p>
      ) : (
        <ul class="ways">
          {shown.map(({ election_uuid: electionUuid, name }) => (
            <li key={electionUuid}>
              <a lang="ja" href={linkTo({ ...address, electionUuid }, language)}>
                {name}
              </a>
            </li>
          ))}
        </ul>
      )}
      <Freshness live={live} />
    </PublicPage>
  );
}
