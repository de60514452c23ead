/** The city's configuration of the front, served beside the page; the page is the same for every city. */

import type { ServiceUrls } from "@tsukuba-evote/shared/api";
import { fromBase64 } from "@tsukuba-evote/shared/belenios";
import * as v from "valibot";

import { type LogKey, parseLogKey } from "../vote/log.ts";

const Origin = v.pipe(v.string(), v.regex(/^https?:\/\/[^/]+$/));
const Ed25519Key = v.pipe(
  v.string(),
  v.check((text) => fromBase64(text)?.length === 32),
);

const ConfigText = v.object({
  /** Who holds the election, as residents know it: つくば市選挙管理委員会. */
  authority: v.string(),
  /** Where a voter gets help: name, telephone, hours, in the city's own words. */
  helpdesk: v.string(),
  services: v.object({ auth: Origin, ballot: Origin, biometric: Origin, log: Origin, tally: Origin }),
  receipt_key: Ed25519Key,
  log_key: v.pipe(
    v.string(),
    v.transform(parseLogKey),
    v.check((key) => key !== null),
  ),
  /** auth's X25519 key for typed voting codes; `null` where no voting by face is offered. */
  code_key: v.nullable(Ed25519Key),
  /** Where a receipt is checked: printed beside the tracker. */
  check_page: v.string(),
});

export interface Config {
  readonly authority: string;
  readonly helpdesk: string;
  readonly services: ServiceUrls;
  readonly receiptKey: string;
  readonly logKey: LogKey;
  readonly codeKey: Uint8Array | null;
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
    logKey: read.log_key!,
    codeKey: read.code_key === null ? null : fromBase64(read.code_key),
    checkPage: read.check_page,
  };
}
