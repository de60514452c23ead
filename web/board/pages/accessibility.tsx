/** The accessibility statement, in the parts that the Ministry of Internal Affairs' guideline names; what was not tested stands there. */

import { Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";

import { useWords } from "./around.ts";
import { PublicPage } from "./public_page.tsx";

const PARTS = ["scope", "goal", "tested", "untested", "exceptions"] as const;

export function Accessibility(): VNode {
  const words = useWords();
  return (
    <PublicPage title={words.place.accessibility}>
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
    </PublicPage>
  );
}
