/** The result, with bars beside the figures, and how to compute it anew. */

import { parseElection } from "@tsukuba-evote/shared/belenios";
import type { VNode } from "preact";

import { NotFound, read } from "../read/asking.ts";
import { type Counted, countsOf } from "../read/counts.ts";
import { Text } from "@tsukuba-evote/shared/words";
import { useElection, useLive, usePublic, useWords } from "./around.ts";
import { Freshness, PublicPage } from "./public_page.tsx";

const EVERY_S = 60;
const GIVEN_UP = "abandoned";
const WITHOUT_RECORD = new Set(["drafted", "roll-frozen", "open", GIVEN_UP]);

export function Result(): VNode {
  const words = useWords();
  const { services, tallyUrl } = usePublic();
  const electionUuid = useElection();
  const params = { path: { election_uuid: electionUuid } };
  const live = useLive(
    async () => {
      const stage = await read(() => services.tally.GET("/elections/{election_uuid}", { params, cache: "no-cache" }));
      if (WITHOUT_RECORD.has(stage.state)) {
        return { stage, fingerprint: null, counted: null };
      }
      const text = await read(() => services.tally.GET("/elections/{election_uuid}/election.json", { params, parseAs: "text" }));
      const election = parseElection(text);
      return { stage, fingerprint: election.fingerprint, counted: await countedOf(() => countsFrom(election)) };
    },
    EVERY_S,
    "result",
  );
  const countsFrom = async (election: ReturnType<typeof parseElection>): Promise<readonly Counted[] | "unreadable"> => {
    const text = await read(() => services.tally.GET("/elections/{election_uuid}/result", { params, parseAs: "text", cache: "no-cache" }));
    return countsOf(election, text) ?? "unreadable";
  };
  const { data } = live;
  return (
    <PublicPage title={words.place.result}>
      {data === null ? null : data.counted === null ? (
        <p>
          <Text of={data.stage.state === GIVEN_UP ? words.result.givenUp : words.result.none} />
        </p>
      ) : data.counted === "unreadable" ? (
        <p class="trouble">
          <Text of={words.result.unreadable} />
        </p>
      ) : (
        <>
          <p>
            <Text of={data.stage.certified_at === null ? words.result.intro : words.result.certified} />
          </p>
          {data.counted.map((counted) => (
            <Question key={counted.question} counted={counted} />
          ))}
        </>
      )}
      <section aria-labelledby="verify">
        <h2 id="verify">
          <Text of={words.result.verify} />
        </h2>
        <p>
          <Text of={words.result.verifyMore} />
        </p>
        {data === null || data.stage.state === GIVEN_UP ? null : data.fingerprint === null ? (
          <p>
            <Text of={words.result.beforeClose} />
          </p>
        ) : (
          <>
            <p>
              <a class="button secondary" href={`${tallyUrl}/elections/${electionUuid}/archive.bel`} download>
                <Text of={words.result.download} />
              </a>
            </p>
            <dl>
              {data.stage.archive_sha256 === null ? null : (
                <>
                  <dt>
                    <Text of={words.result.sha} />
                  </dt>
                  <dd>
                    <code>{data.stage.archive_sha256}</code>
                  </dd>
                </>
              )}
              <dt>
                <Text of={words.result.fingerprint} />
              </dt>
              <dd>
                <code>{data.fingerprint}</code>
              </dd>
            </dl>
            <p>
              <code>evote-verify archive.bel</code>
            </p>
          </>
        )}
      </section>
      <Freshness live={live} />
    </PublicPage>
  );
}

async function countedOf(
  ask: () => Promise<readonly Counted[] | "unreadable">,
): Promise<readonly Counted[] | "unreadable" | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof NotFound) {
      return null; // not decrypted yet
    }
    throw error;
  }
}

function Question({ counted: { question, lines } }: { readonly counted: Counted }): VNode {
  const words = useWords();
  return (
    <table>
      <caption lang="ja" class="official">
        {question}
      </caption>
      <thead>
        <tr>
          <th scope="col">
            <Text of={words.result.answer} />
          </th>
          <th scope="col">
            <Text of={words.result.count} />
          </th>
          <th scope="col">
            <Text of={words.result.share} />
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map(({ answer, count, share }) => (
          <tr key={answer ?? ""}>
            <th scope="row">
              {answer === null ? <Text of={words.result.blank} /> : <span lang="ja">{answer}</span>}
              {/* The same as the figure beside it: a screen reader reads that one. */}
              <svg class="bar" aria-hidden="true" viewBox="0 0 100 6" preserveAspectRatio="none">
                <rect class="whole" width="100" height="6" />
                <rect class="part" width={share} height="6" />
              </svg>
            </th>
            <td>{count}</td>
            <td>{share}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
