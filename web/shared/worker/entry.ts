/** The worker's whole program. */

import { expose } from "comlink";

import { systemRandom } from "../belenios/index.ts";
import { carryRules } from "./errors.ts";
import { newProtocol } from "./protocol.ts";

carryRules();
expose(newProtocol(systemRandom));
