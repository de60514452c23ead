/** The words of a vote, in the language that the page is in. */

import { useAround } from "@tsukuba-evote/shared/pages";

import { CATALOGUES, type Words } from "../words/index.ts";

export function useWords(): Words {
  return CATALOGUES[useAround().language];
}
