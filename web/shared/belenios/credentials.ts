/**
 * Credentials: what a voter's device receives, the exponent behind it, and the public list.
 *
 * Two formats of private credentials exist (specification, "Credentials"): version 2.0's, 15 characters with a checksum and
 * PBKDF2, and 2.5.1's, 22 characters and SHA-256. Either is read with either group.
 */

import { pbkdf2 } from "@noble/hashes/pbkdf2.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { toNumber } from "./bytes.ts";
import type { Election } from "./election.ts";
import { BeleniosError } from "./errors.ts";
import { asTexts, load } from "./json.ts";

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const LONG = /^[1-9A-HJ-NP-Za-km-z]{5}(?:-[1-9A-HJ-NP-Za-km-z]{6}-[1-9A-HJ-NP-Za-km-z]{5}-[1-9A-HJ-NP-Za-km-z]{6})$/;
const SHORT = /^[1-9A-HJ-NP-Za-km-z]{15}$/;
const SHORT_LENGTH = 19;
const PBKDF2_ITERATIONS = 1000;
const LINE = /^([0-9a-f]{1,617})(?:,(0|[1-9][0-9]*))?$/;

/**
 * The canonical text of a private credential as a person may have typed it; the length tells the format.
 *
 * @throws BeleniosError `credential-format`: another length, a character outside Base58, a wrong checksum.
 */
export function parseCredential(text: string): string {
  const typed = text.trim();
  if (LONG.test(typed)) {
    return typed;
  }
  const compact = typed.replaceAll("-", "");
  if (!SHORT.test(compact)) {
    throw new BeleniosError("credential-format", "not a private credential");
  }
  const [random, check] = [compact.slice(0, 14), compact.slice(14)];
  const number = Array.from(random).reduce((sum, character) => sum * 58n + BigInt(BASE58.indexOf(character)), 0n);
  if ((number + BigInt(BASE58.indexOf(check))) % 53n !== 0n) {
    throw new BeleniosError("credential-format", "the checksum is wrong: a character was mistyped");
  }
  // belenios-tool derives from the text with its dashes, so that is the canonical one.
  return (compact.match(/.{3}/g) ?? []).join("-");
}

/** The exponent x of a private credential in one election. @throws what {@link parseCredential} throws. */
export function secretExponent(credential: string, election: Pick<Election, "uuid" | "group">): bigint {
  const canonical = parseCredential(credential);
  if (canonical.length === SHORT_LENGTH) {
    const derived = pbkdf2(sha256, utf8ToBytes(canonical), utf8ToBytes(election.uuid), { c: PBKDF2_ITERATIONS, dkLen: 32 });
    return toNumber(derived) % election.group.order;
  }
  const halves = [0, 1].map((half) => sha256(utf8ToBytes(`derive_credential|${election.uuid}|${half}|${canonical}`)));
  return toNumber(concatBytes(...halves)) % election.group.order;
}

/** The text of g^x. */
export function publicCredential(credential: string, election: Pick<Election, "uuid" | "group">): string {
  return election.group.encode(election.group.powerGenerator(secretExponent(credential, election)));
}

const FEWEST_IN_PART = 512;
const MOST_PARTS = 256;

/**
 * The part of the public list that a private credential's line is in, as tally serves it: the list of a city of 200,000 has 13 MB.
 * The rule of `services/tally/evote_tally/domain/roll.py`. Whoever is asked for a part learns that somebody of some 512 is there, or
 * more; never asked for more parts than 256, whatever is said of the roll.
 */
export function partOfList(credential: string, rollSize: number, election: Pick<Election, "uuid" | "group">): number {
  const parts = Math.min(MOST_PARTS, 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, Math.floor(rollSize / FEWEST_IN_PART))))));
  const [first] = sha256(utf8ToBytes(publicCredential(credential, election)));
  return (first! * parts) >> 8;
}

/** A voter's line of the public list. */
export interface ListedCredential {
  readonly credential: string;
  /** 1 for everybody in an ordinary election. A ballot of weight 0 counts for nothing. */
  readonly weight: bigint;
}

/**
 * The line of `public_creds.json`, or of the part of it (the exact text), that a private credential belongs to: the device looks before it
 * encrypts, so that a credential of another election or one that auth made up is found out before anything is cast.
 *
 * Every line's form is read, and each credential may stand there once; that the others' are elements of the group is for
 * auditors, since it takes a minute for a city.
 *
 * @throws BeleniosError `json`, `schema`; `credential-duplicate`; `credential-unlisted`: not on the list; and what
 * {@link parseCredential} throws.
 */
export function findOnList(listText: string, credential: string, election: Pick<Election, "uuid" | "group">): ListedCredential {
  const own = publicCredential(credential, election);
  const seen = new Set<string>();
  let weight: bigint | undefined;
  for (const line of asTexts(load(listText), "the list of public credentials")) {
    const [, text, weightText] = LINE.exec(line) ?? [];
    if (text === undefined) {
      throw new BeleniosError("schema", "a line of the list of public credentials is none");
    }
    if (seen.has(text)) {
      throw new BeleniosError("credential-duplicate", "a credential stands on the list twice");
    }
    seen.add(text);
    if (text === own) {
      weight = BigInt(weightText ?? "1");
    }
  }
  if (weight === undefined) {
    throw new BeleniosError("credential-unlisted", "the credential is not on the list of this election");
  }
  return { credential: own, weight };
}
