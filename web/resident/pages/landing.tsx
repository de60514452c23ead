/** The election's page: when it opens and closes, what counts, and the ways to vote. */

import { timeOf, useAround } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";
import { useState } from "preact/hooks";

import type { Way } from "../vote/machine.ts";
import { Accessibility } from "./accessibility.tsx";
import { Page } from "./page.tsx";
import { useWords } from "./surroundings.ts";

/** What tally says of an election. */
export interface ElectionNotice {
  readonly name: string;
  readonly description: string;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly stage: "before" | "open" | "closed" | "abandoned";
}

interface LandingProps {
  readonly notice: ElectionNotice;
  readonly ways: readonly Way[];
  readonly codeRead: "code-read" | "no-code";
  readonly choose: (way: Way) => void;
}

export function Landing({ notice, ways, codeRead, choose }: LandingProps): VNode {
  const words = useWords();
  const { language } = useAround();
  const [shown, setShown] = useState<"election" | "accessibility">("election");
  if (shown === "accessibility") {
    return (
      <Accessibility
        back={() => {
          setShown("election");
        }}
      />
    );
  }
  return (
    <Page title={notice.name} voted="not-yet" part="election">
      <p lang="ja" class="official">
        {notice.description}
      </p>
      <dl>
        <dt>
          <Text of={words.landing.opens} />
        </dt>
        <dd>
          <time dateTime={notice.opensAt}>{timeOf(notice.opensAt, language)}</time>
        </dd>
        <dt>
          <Text of={words.landing.closes} />
        </dt>
        <dd>
          <time dateTime={notice.closesAt}>{timeOf(notice.closesAt, language)}</time>
        </dd>
      </dl>
      <p>
        <Text of={words.landing.beforeClose} />
      </p>
      <p>
        <Text of={words.landing.again} />
      </p>
      {notice.stage === "open" ? (
        <section aria-labelledby="ways">
          <h2 id="ways">
            <Text of={words.landing.ways} />
          </h2>
          {codeRead === "code-read" ? (
            <p>
              <Text of={words.landing.codeRead} />
            </p>
          ) : null}
          <ul class="ways">
            {ways.map((way) => (
              <li key={way}>
                <button
                  type="button"
                  aria-describedby={`${way}-more`}
                  onClick={() => {
                    choose(way);
                  }}
                >
                  <Text of={words.landing[way]} />
                </button>
                <p id={`${way}-more`}>
                  <Text of={words.landing[`${way}More`]} />
                </p>
              </li>
            ))}
            <li>
              <strong>
                <Text of={words.landing.counter} />
              </strong>
              <p>
                <Text of={words.landing.counterMore} />
              </p>
            </li>
          </ul>
        </section>
      ) : (
        <p class="trouble">
          <strong>
            <Text of={{ before: words.landing.notOpen, closed: words.landing.closed, abandoned: words.landing.abandoned }[notice.stage]} />
          </strong>
        </p>
      )}
      <button
        type="button"
        class="link"
        onClick={() => {
          setShown("accessibility");
        }}
      >
        <Text of={words.access.title} />
      </button>
    </Page>
  );
}
