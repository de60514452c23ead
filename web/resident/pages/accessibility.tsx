/** The accessibility statement, in the parts that the Ministry of Internal Affairs' guideline names; what was not tested stands there. */

import { Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";

import { Page } from "./page.tsx";
import { useWords } from "./surroundings.ts";

const PARTS = ["scope", "goal", "tested", "untested", "exceptions"] as const;

export function Accessibility({ back }: { readonly back: () => void }): VNode {
  const words = useWords();
  return (
    <Page title={words.access.title} voted="not-yet" part="accessibility">
      {PARTS.map((part) => (
        <section key={part}>
          <h2>
            <Text of={words.access[part]} />
          </h2>
          <p>
            <Text of={words.access[`${part}Text`]} />
          </p>
        </section>
      ))}
      <p>
        <Text of={words.access.contact} />
      </p>
      <button type="button" class="secondary" onClick={back}>
        <Text of={words.back} />
      </button>
    </Page>
  );
}
