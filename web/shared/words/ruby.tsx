/** Texts with readings: `{投票|とうひょう}` is the word and, above it, how it is read. */

import type { VNode } from "preact";

const MARK = /\{(?<base>[^|{}]+)\|(?<reading>[^|{}]+)\}/gu;

/** A text on the page. A screen reader reads the word, and not the reading after it. */
export function Text({ of }: { readonly of: string }): VNode {
  const parts: (string | VNode)[] = [];
  let end = 0;
  for (const found of of.matchAll(MARK)) {
    const { base, reading } = found.groups as { base: string; reading: string };
    parts.push(
      of.slice(end, found.index),
      <ruby key={found.index}>
        {base}
        <rt aria-hidden="true">{reading}</rt>
      </ruby>,
    );
    end = found.index + found[0].length;
  }
  parts.push(of.slice(end));
  return <>{parts}</>;
}

/** The same without readings, for titles and names that only programs read aloud. */
export function plain(text: string): string {
  return text.replaceAll(MARK, "$<base>");
}
