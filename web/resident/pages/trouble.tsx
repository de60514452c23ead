/** What went wrong, what to do now, and the other ways to vote. */

import { Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";

import type { Way } from "../vote/machine.ts";
import { adviceOf } from "../words/problems.ts";
import { useWords } from "./surroundings.ts";

/** A refusal as the voter needs it. */
export interface Trouble {
  readonly slug: string;
  readonly receptionNumber: string | null;
}

export function TroubleText({ trouble }: { readonly trouble: Trouble }): VNode {
  const words = useWords();
  const advice = words.advice[adviceOf(trouble.slug)];
  return (
    <>
      <p class="trouble">
        <strong>
          <Text of={advice.title} />
        </strong>
      </p>
      <p>
        <Text of={advice.todo} />
      </p>
      {trouble.receptionNumber === null ? null : (
        <p>
          <Text of={words.refused.reception} />: <span class="number">{trouble.receptionNumber}</span>
        </p>
      )}
      <p class="code">
        <Text of={words.refused.code} />: <code>{trouble.slug}</code>
      </p>
    </>
  );
}

/** Every way but the one that is being tried. */
export function OtherWays({
  ways,
  but,
  choose,
}: {
  readonly ways: readonly Way[];
  readonly but: Way;
  readonly choose: (way: Way) => void;
}): VNode {
  const words = useWords();
  return (
    <section aria-labelledby="other-ways">
      <h2 id="other-ways">
        <Text of={words.otherWays} />
      </h2>
      <ul class="ways">
        {ways
          .filter((way) => way !== but)
          .map((way) => (
            <li key={way}>
              <button
                type="button"
                class="secondary"
                onClick={() => {
                  choose(way);
                }}
              >
                <Text of={words.landing[way]} />
              </button>
            </li>
          ))}
        <li>
          <strong>
            <Text of={words.landing.counter} />
          </strong>
          <br />
          <Text of={words.landing.counterMore} />
        </li>
      </ul>
    </section>
  );
}
