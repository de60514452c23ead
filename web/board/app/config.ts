/** The city's configuration of the public pages, served beside them; the pages are the same for every city. */

import type { PublicUrls } from "@tsukuba-evote/shared/api";
import { fromBase64 } from "@tsukuba-evote/shared/belenios";
import { parsePolicy, type Policy } from "@tsukuba-evote/shared/check";
import * as v from "valibot";

const Origin = v.pipe(v.string(), v.regex(/^https?:\/\/[^/]+$/));

const ConfigText = v.object({
  /** Where residents get help: name, telephone, hours, in the city's own words. */
  helpdesk: v.string(),
  services: v.object({ ballot: Origin, log: Origin, tally: Origin }),
  /** ballot's Ed25519 key. */
  receipt_key: v.pipe(
    v.string(),
    v.transform(fromBase64),
    v.custom<Uint8Array>((bytes) => bytes instanceof Uint8Array && bytes.length === 32, "a key has 32 bytes, in base64"),
  ),
  /** Which log, which witnesses, how many of them (C2SP tlog-policy): the text that ledger-anchor has as well. */
  witness_policy: v.pipe(v.string(), v.transform(parsePolicy)),
});

export interface Config {
  readonly helpdesk: string;
  readonly services: PublicUrls;
  readonly receiptKey: Uint8Array;
  readonly policy: Policy;
}

/** @throws when it is none: pages that aren't configured show nothing. */
export function readConfig(json: unknown): Config {
  const read = v.parse(ConfigText, json);
  return { helpdesk: read.helpdesk, services: read.services, receiptKey: read.receipt_key, policy: read.witness_policy };
}
