/** The words around every page. */

import { FRAME_WORDS } from "../words/index.ts";
import { checkCatalogues } from "./catalogues.ts";

checkCatalogues(FRAME_WORDS);
