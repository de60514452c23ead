/** The words of the wall. City staff read it: Japanese, and English for whoever helps from abroad. */

import type { Shape } from "@tsukuba-evote/shared/words";

import { en } from "./en.ts";
import { ja } from "./ja.ts";

export type Words = Shape<typeof ja>;
export const CATALOGUES = { ja, en } satisfies Record<string, Words>;
export type Language = keyof typeof CATALOGUES;

/** Japanese, unless the address asks for English: a wall's browser is set up by whoever installed it. */
export function languageOf(asked: string | null): Language {
  return asked === "en" ? "en" : "ja";
}
