/** What monitors found that should not be, in plain words, and how far witnesses and chains are. */

import type { VNode } from "preact";

import { read } from "../read/asking.ts";
import type { Words } from "../words/index.ts";
import { timeOf, useAround } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import { useLive, usePublic, useWords } from "./around.ts";
import { Freshness, PublicPage } from "./public_page.tsx";

const EVERY_S = 30;

type Kind = keyof Words["status"]["kind"];

/** A kind that a newer monitor knows and this page doesn't is told all the same. */
function kindOf(kind: string, words: Words): Kind {
  return Object.hasOwn(words.status.kind, kind) ? (kind as Kind) : "other";
}

export function Status(): VNode {
  const words = useWords();
  const { services } = usePublic();
  const { language } = useAround();
  const live = useLive(
    async () => {
      const [{ items }, coverage] = await Promise.all([
        read(() => services.log.GET("/notices", { cache: "no-cache" })),
        read(() => services.log.GET("/coverage", { cache: "no-cache" })),
      ]);
      return { items, coverage };
    },
    EVERY_S,
    "status",
  );
  const { data } = live;
  return (
    <PublicPage title={words.place.status}>
      {data === null ? null : (
        <>
          {data.items.length === 0 ? (
            <p class="done">
              <Text of={words.status.intact} />
            </p>
          ) : (
            <section class="trouble" aria-labelledby="notices">
              <h2 id="notices">
                <Text of={words.status.notices} />
              </h2>
              <p>
                <Text of={words.status.noticesMore} />
              </p>
              <ul>
                {data.items.map(({ finding, kind, where, raised_at: raised, intact_at: intact }) => (
                  <li key={finding}>
                    <p>
                      <strong>
                        <Text of={words.status.kind[kindOf(kind, words)]} />
                      </strong>
                    </p>
                    <p>
                      <Text of={words.status.found(timeOf(raised, language))} />
                    </p>
                    {intact === null ? null : (
                      <p>
                        <Text of={words.status.intactAt(timeOf(intact, language))} />
                      </p>
                    )}
                    <p>
                      <Text of={words.status.where(where)} />
                    </p>
                    <p class="code">
                      <Text of={words.status.number(finding)} />
                    </p>
                  </li>
                ))}
              </ul>
            </section>
          )}
          <table>
            <caption>
              <Text of={words.status.coverage} />
            </caption>
            <tbody>
              <tr>
                <th scope="row">
                  <Text of={words.status.size} />
                </th>
                <td>{data.coverage.size}</td>
              </tr>
              <tr>
                <th scope="row">
                  <Text of={words.status.witnessed} />
                </th>
                <td>{data.coverage.witnessed_size}</td>
              </tr>
              {data.coverage.chains.map(({ chain, ledger, verified_size: size }) => (
                <tr key={ledger}>
                  <th scope="row">
                    <Text of={words.status.chain(chain)} />
                  </th>
                  <td>{size}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p>
            <Text of={words.status.behind} />
          </p>
        </>
      )}
      <Freshness live={live} />
    </PublicPage>
  );
}
