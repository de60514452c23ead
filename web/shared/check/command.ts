/** What an officer signed (`evote_officers.commands`): one request exactly, by a person whose keys the page has from the city. */

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import * as v from "valibot";

import { fromBase64 } from "../belenios/bytes.ts";
import { canonical } from "../belenios/canonical.ts";
import { CheckFailed } from "./errors.ts";
import { signatureHolds } from "./receipt.ts";

const KIND = "tsukuba-evote officer command v1";
const KEY_LINE = /^(ed25519:([A-Za-z0-9_-]{43})):([0-9a-f]{8})$/;
const LONGEST = 64 * 1024;

const Command = v.strictObject({
  kind: v.literal(KIND),
  deployment: v.string(),
  person: v.string(),
  service: v.string(),
  method: v.string(),
  path: v.string(),
  body_sha256: v.string(),
  reason: v.string(),
  time: v.string(),
  nonce: v.string(),
  signature: v.string(),
});

/** Who may sign, of the deployment's roster: each person's keys, 32 bytes. */
export interface Officers {
  readonly deployment: string;
  readonly persons: ReadonlyMap<string, readonly Uint8Array[]>;
}

/** The request that is to have been commanded. */
export interface Commanded {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** The key of a line that people hand over (`evote_statements.keys`), 32 bytes; `null`: mistyped, or none. */
export function parseKeyLine(line: string): Uint8Array | null {
  const found = KEY_LINE.exec(line);
  if (found === null || bytesToHex(sha256(utf8ToBytes(found[1]!))).slice(0, 8) !== found[3]) {
    return null;
  }
  return fromBase64(`${found[2]!.replaceAll("-", "+").replaceAll("_", "/")}=`);
}

/**
 * One of the officers commanded exactly this. Whether it is still good, its time says: milliseconds since 1970.
 *
 * @throws CheckFailed `command`
 */
export function checkCommand(statement: string, request: Commanded, { deployment, persons }: Officers): number {
  const said = statement.length > LONGEST ? null : v.safeParse(v.pipe(v.string(), v.parseJson(), Command), statement);
  if (said === null || !said.success) {
    throw new CheckFailed("command", "it is no officer's command");
  }
  const { signature, ...body } = said.output;
  const { service, method, path } = request;
  const expected = { deployment, service, method, path, body_sha256: bytesToHex(sha256(utf8ToBytes(request.body))) };
  for (const [name, value] of Object.entries(expected)) {
    if (body[name as keyof typeof expected] !== value) {
      throw new CheckFailed("command", `it is for another ${name}`);
    }
  }
  const signed = utf8ToBytes(canonical(body));
  if (!(persons.get(body.person) ?? []).some((key) => signatureHolds(fromBase64(signature), signed, key))) {
    throw new CheckFailed("command", "no officer's signature holds");
  }
  const time = Date.parse(body.time);
  if (Number.isNaN(time)) {
    throw new CheckFailed("command", "it has no time");
  }
  return time;
}
