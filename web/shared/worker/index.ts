/**
 * The protocol in a Web Worker, so that the page stays alive while a ballot is encrypted.
 *
 *     const protocol = startProtocol(new Worker(new URL("@tsukuba-evote/shared/worker/entry", import.meta.url), { type: "module" }));
 *     const ballot = await protocol.prepareBallot(electionText, credential, choices);
 */

import { type Endpoint, type Remote, wrap } from "comlink";

import { carryRules } from "./errors.ts";
import type { Protocol } from "./protocol.ts";

/** Every function of {@link Protocol}, with a promise of its result; a `BeleniosError` keeps its rule. */
export function startProtocol(worker: Endpoint): Remote<Protocol> {
  carryRules();
  return wrap<Protocol>(worker);
}

export { newProtocol, type Protocol } from "./protocol.ts";
