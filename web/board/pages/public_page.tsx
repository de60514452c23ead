/** A public page: the frame of all pages, and the way to the other public pages of the election. */

import { Page, useAround } from "@tsukuba-evote/shared/pages";
import { plain, Text } from "@tsukuba-evote/shared/words";
import type { ComponentChildren, VNode } from "preact";

import { ACCESSIBILITY, linkTo, PLACES } from "../app/address.ts";
import { type Live, usePublic, useWords } from "./around.ts";

export function PublicPage({ title, children }: { readonly title: string; readonly children: ComponentChildren }): VNode {
  const words = useWords();
  const { language } = useAround();
  const { address } = usePublic();
  return (
    <Page title={title} notice={null}>
      {children}
      <nav aria-label={plain(words.pages)}>
        <ul class="places">
          {[...(address.electionUuid === null ? [] : PLACES), ACCESSIBILITY].map((place) => (
            <li key={place}>
              <a href={linkTo({ ...address, place }, language)} aria-current={place === address.place ? "page" : undefined}>
                <Text of={words.place[place]} />
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </Page>
  );
}

/** What is to be said of something that is read again and again, beside what was read. */
export function Freshness<Data>({ live }: { readonly live: Live<Data> }): VNode {
  const words = useWords();
  const said = { loading: words.loading, fresh: words.updates, away: words.away, missing: words.noSuchElection, failed: words.failed }[live.is];
  return (
    <p role="status">
      <Text of={said} />
    </p>
  );
}
