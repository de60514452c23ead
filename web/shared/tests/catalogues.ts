/** What holds for every set of words, as tests: each set of pages has them of its own catalogues. */

import { describe, expect, test } from "vitest";

import { type Catalogues, plain } from "../words/index.ts";

/** Every text of a catalogue, with its place; functions are called with a number for each parameter. */
function texts(node: unknown, place: string): [string, string][] {
  if (typeof node === "string") {
    return [[place, node]];
  }
  if (typeof node === "function") {
    return [[place, (node as (...numbers: number[]) => string)(...Array.from({ length: node.length }, () => 1))]];
  }
  return Object.entries(node as object).flatMap(([name, child]) => texts(child, `${place}.${name}`));
}

/** No language lacks a word, and no kanji of the easy Japanese its reading. */
export function checkCatalogues<Words extends object>(catalogues: Catalogues<Words>): void {
  describe.each(Object.entries(catalogues))("%s", (language, words) => {
    test("has every word", () => {
      const places = (of: unknown) => texts(of, "").map(([place]) => place);
      expect(places(words)).toEqual(places(catalogues.ja));
      expect(texts(words, language).filter(([, text]) => text.trim() === "")).toEqual([]);
    });
  });

  test("in easy Japanese every kanji has its reading", () => {
    const bare = texts(catalogues.yasashii, "").filter(([, text]) => /\p{Script=Han}/u.test(text.replaceAll(/\{[^|{}]+\|[^|{}]+\}/gu, "")));
    expect(bare).toEqual([]);
  });

  test("readings are kana, and only in easy Japanese", () => {
    for (const [place, text] of texts(catalogues.yasashii, "")) {
      for (const [, reading] of text.matchAll(/\|([^|{}]+)\}/gu)) {
        expect(reading, place).toMatch(/^\p{Script=Hiragana}+$/u);
      }
      expect(plain(text), place).not.toMatch(/[{}|]/);
    }
    for (const words of [catalogues.ja, catalogues.en]) {
      expect(texts(words, "").filter(([, text]) => /[{}|]/.test(text))).toEqual([]);
    }
  });
}
