/** What every page's words need: the three languages, texts with readings, and the words of the frame. */

import { en } from "./en.ts";
import { ja } from "./ja.ts";
import { yasashii } from "./yasashii.ts";

export { NOTICE_KINDS } from "./notices.ts";
export { plain, Text } from "./ruby.tsx";

/** The shape of a catalogue, from the Japanese one: texts, and functions that make a text. A language that lacks a word doesn't compile. */
export type Shape<Node> = Node extends string
  ? string
  : Node extends (...parameters: infer Parameters) => string
    ? (...parameters: Parameters) => string
    : { readonly [Name in keyof Node]: Shape<Node[Name]> };

/** The words around every page. */
export const FRAME_WORDS = { ja, yasashii, en } satisfies Record<string, Shape<typeof ja>>;

export type Language = keyof typeof FRAME_WORDS;
/** What a set of pages says, in each language. */
export type Catalogues<Words> = Readonly<Record<Language, Words>>;

export const LANGUAGES: readonly { readonly language: Language; readonly name: string; readonly lang: string }[] = [
  { language: "ja", name: "日本語", lang: "ja" },
  { language: "yasashii", name: "やさしい日本語", lang: "ja" },
  { language: "en", name: "English", lang: "en" },
];

/** The language that an address asks for (`?lang=`), or else the browser. */
export function languageOf(asked: string | null, navigator: { readonly language: string }): Language {
  const known = LANGUAGES.find(({ language }) => language === asked);
  return known?.language ?? (navigator.language.startsWith("ja") ? "ja" : "en");
}
