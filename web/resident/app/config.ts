/** The city's configuration of the front, served beside the page; the page is the same for every city. */

import type { ServiceUrls } from "@tsukuba-evote/shared/api";
import { fromBase64 } from "@tsukuba-evote/shared/belenios";
import { parseLogKey, type VerifierKey } from "@tsukuba-evote/shared/check";
import * as v from "valibot";

const Origin = v.pipe(v.string(), v.regex(/^https?:\/\/[^/]+$/));
const Key = v.pipe(
  v.string(),
  v.transform(fromBase64),
  v.custom<Uint8Array>((bytes) => bytes instanceof Uint8Array && bytes.length === 32, "a key has 32 bytes, in base64"),
);

const ConfigText = v.object({
  /** Who holds the election, as residents know it: つくば市選挙管理委員会. */
  authority: v.string(),
  /** Where a voter gets help: name, telephone, hours, in the city's own words. */
  helpdesk: v.string(),
  services: v.object({ auth: Origin, ballot: Origin, biometric: v.optional(Origin), log: Origin, tally: Origin }),
  /** ballot's Ed25519 key. */
  receipt_key: Key,
  /** ledger-anchor's, as signed-note writes it: name, number and key. */
  log_key: v.pipe(v.string(), v.transform(parseLogKey)),
  /** Whether cards are taken in a reader; missing: they are. */
  card: v.optional(v.boolean(), true),
  /** auth's X25519 key for typed voting codes; `null` where no voting by face is offered, as where `services` has no `biometric`. */
  code_key: v.nullable(Key),
  /** The origin of the phone's app's provider (`https://auth-and-sign.go.jp`); `null`, or missing: no voting by phone is offered. */
  phone_app: v.optional(v.nullable(Origin), null),
  /** Where a receipt is checked: printed beside the tracker. */
  check_page: v.string(),
});

export interface Config {
  readonly authority: string;
  readonly helpdesk: string;
  readonly services: ServiceUrls;
  readonly receiptKey: Uint8Array;
  readonly logKey: VerifierKey;
  readonly card: boolean;
  readonly codeKey: Uint8Array | null;
  readonly phoneApp: string | null;
  readonly checkPage: string;
}

/** @throws when it is none: a front that isn't configured shows nothing. */
export function readConfig(json: unknown): Config {
  const read = v.parse(ConfigText, json);
  return {
    authority: read.authority,
    helpdesk: read.helpdesk,
    services: read.services,
    receiptKey: read.receipt_key,
    logKey: read.log_key,
    card: read.card,
    codeKey: read.services.biometric === undefined ? null : read.code_key,
    phoneApp: read.phone_app,
    checkPage: read.check_page,
  };
}
