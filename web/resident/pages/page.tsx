/** The frame of each page of a vote: until there is a receipt, no title lets anybody think that the vote was cast. */

import { Frame as AnyFrame, Page as AnyPage } from "@tsukuba-evote/shared/pages";
import type { ComponentChildren, VNode } from "preact";

import type { Words } from "../words/index.ts";
import { useWords } from "./surroundings.ts";

/** `in-doubt`: a ballot was sent, and nobody has said what became of it before the close. */
type Voted = "not-yet" | "in-doubt" | "cast";

interface PageProps {
  readonly title: string;
  readonly voted: Voted;
  /** Which part of the page is shown, where parts take turns: with each the heading gets the focus. */
  readonly part?: string;
  readonly children: ComponentChildren;
}

/** A page with a heading of its own. */
export function Page({ voted, ...page }: PageProps): VNode {
  return <AnyPage {...page} notice={noticeOf(voted, useWords())} />;
}

/** A page whose heading stands elsewhere: in the legend of a question. */
export function Frame({ voted, ...page }: PageProps): VNode {
  return <AnyFrame {...page} notice={noticeOf(voted, useWords())} />;
}

function noticeOf(voted: Voted, words: Words): string | null {
  switch (voted) {
    case "not-yet":
      return words.notYetVoted;
    case "in-doubt":
      return words.votedInDoubt;
    case "cast":
      return null;
  }
}
