/** The whole page: the language, the election, the vote. */

import { AroundContext, Status } from "@tsukuba-evote/shared/pages";
import { type Language, Text } from "@tsukuba-evote/shared/words";
import type { Services } from "@tsukuba-evote/shared/api";
import type { VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";

import { Landing } from "../pages/landing.tsx";
import { Page } from "../pages/page.tsx";
import { useWords } from "../pages/surroundings.ts";
import { TroubleText } from "../pages/trouble.tsx";
import { Vote, type VoteProps } from "../pages/vote.tsx";
import type { Wait } from "../vote/retrying.ts";
import { slugOfError } from "../vote/session.ts";
import { type Listed, openElections, type Published, readElection } from "./election.ts";

interface AppProps {
  readonly services: Services;
  readonly electionUuid: string | null;
  readonly helpdesk: string;
  readonly language: Language;
  readonly wait: Wait;
  /** Everything that a vote in this election needs. */
  readonly vote: (published: Published) => VoteProps | null;
  readonly tellLanguage: (language: Language) => void;
}

type Loaded =
  | { readonly is: "loading" | "away" }
  | { readonly is: "list"; readonly elections: readonly Listed[] }
  | { readonly is: "election"; readonly published: Published; readonly vote: VoteProps | null }
  | { readonly is: "failed"; readonly slug: string };

export function App(props: AppProps): VNode {
  const { services, electionUuid, helpdesk, wait } = props;
  const [language, setLanguage] = useState(props.language);
  const [loaded, setLoaded] = useState<Loaded>({ is: "loading" });
  const around = useMemo(
    () => ({
      language,
      helpdesk,
      setLanguage: (chosen: Language) => {
        setLanguage(chosen);
        props.tellLanguage(chosen);
      },
    }),
    [language],
  );
  useEffect(() => {
    const away = () => {
      setLoaded({ is: "away" });
    };
    const load = async () => {
      if (electionUuid === null) {
        setLoaded({ is: "list", elections: await openElections(services, wait, away) });
      } else {
        const published = await readElection(services, electionUuid, wait, away);
        setLoaded({ is: "election", published, vote: props.vote(published) });
      }
    };
    load().catch((error: unknown) => {
      setLoaded({ is: "failed", slug: slugOfError(error) });
    });
  }, []);
  return (
    <AroundContext.Provider value={around}>
      <Content loaded={loaded} />
    </AroundContext.Provider>
  );
}

function Content({ loaded }: { readonly loaded: Loaded }): VNode {
  const words = useWords();
  switch (loaded.is) {
    case "loading":
    case "away":
      return (
        <Page title={words.loading.title} voted="not-yet" part="loading">
          <Status>
            <Text of={loaded.is === "away" ? words.loading.away : "…"} />
          </Status>
        </Page>
      );
    case "failed":
      return (
        <Page title={words.refused.title} voted="not-yet" part="failed">
          <TroubleText trouble={{ slug: loaded.slug, receptionNumber: null }} />
        </Page>
      );
    case "list":
      return (
        <Page title={words.loading.none} voted="not-yet" part="list">
          {loaded.elections.length === 0 ? (
            <p>
              <Text of={words.loading.noneOpen} />
            </p>
          ) : (
            <ul class="ways">
              {loaded.elections.map(({ uuid, name }) => (
                <li key={uuid}>
                  <a lang="ja" href={`?election=${uuid}`}>
                    {name}
                  </a>
                </li>
              ))}
            </ul>
          )}
        </Page>
      );
    case "election":
      return loaded.vote === null ? (
        <Landing notice={loaded.published.notice} ways={[]} codeRead="no-code" choose={() => {}} />
      ) : (
        <Vote {...loaded.vote} />
      );
  }
}
