/** The three languages, each in one catalogue of the same type: a language that lacks a word doesn't compile. */

import { en } from "./en.ts";
import { ja } from "./ja.ts";
import { yasashii } from "./yasashii.ts";

/** The shape of a catalogue, from the Japanese one: texts, and functions that make a text. */
export type Words = Shape<typeof ja>;

type Shape<Node> = Node extends string
  ? string
  : Node extends (...parameters: infer Parameters) => string
    ? (...parameters: Parameters) => string
    : { readonly [Name in keyof Node]: Shape<Node[Name]> };

export const CATALOGUES = { ja, yasashii, en } satisfies Record<string, Words>;
export type Language = keyof typeof CATALOGUES;
export const LANGUAGES: readonly { readonly language: Language; readonly name: string; readonly lang: string }[] = [
  { language: "ja", name: "日本語", lang: "ja" },
  { language: "yasashii", name: "やさしい日本語", lang: "ja" },
  { language: "en", name: "English", lang: "en" },
];
