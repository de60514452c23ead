/** The words of a vote, in each language. */

import type { Catalogues, Shape } from "@tsukuba-evote/shared/words";

import { en } from "./en.ts";
import { ja } from "./ja.ts";
import { yasashii } from "./yasashii.ts";

export type Words = Shape<typeof ja>;

export const CATALOGUES: Catalogues<Words> = { ja, yasashii, en };
