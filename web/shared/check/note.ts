/** Signed tree heads: C2SP signed-note with Ed25519, tlog-checkpoint in it, and tlog-cosignature. */

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { fromBase64, toNumber } from "../belenios/bytes.ts";
import { CheckFailed } from "./errors.ts";
import { signatureHolds } from "./receipt.ts";

const MOST_BYTES = 64 * 1024;
const MOST_SIGNATURES = 64;
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;
const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;
const VERIFIER_KEY = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u;
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;
/** The bytes of signed-note's signature types. */
const ED25519 = 1;
const COSIGNATURE = 4;

/** A note whose form is right; nothing says yet that a signature holds. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly { readonly name: string; readonly keyId: string; readonly signature: Uint8Array }[];
}

/** The head of a log. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** A named key that signatures of notes are checked against: the log's, or a witness's. */
export interface VerifierKey {
  readonly name: string;
  readonly keyId: string;
  readonly key: Uint8Array;
}

/** The log's key from its text, `<name>+<key id>+<key>`. @throws CheckFailed `note` */
export function parseLogKey(text: string): VerifierKey {
  return parseVerifierKey(text, ED25519);
}

/** A witness's key from its text. @throws CheckFailed `note` */
export function parseWitnessKey(text: string): VerifierKey {
  return parseVerifierKey(text, COSIGNATURE);
}

/** Split a signed note into its text and its signatures. @throws CheckFailed `note` */
export function parseNote(note: string): Note {
  if (LONE_SURROGATE.test(note) || utf8ToBytes(note).length > MOST_BYTES) {
    throw new CheckFailed("note", "not UTF-8, or too long");
  }
  if (Array.from(note).some((character) => character < " " && character !== "\n")) {
    throw new CheckFailed("note", "control characters");
  }
  const gap = note.lastIndexOf("\n\n");
  if (gap < 0 || !note.endsWith("\n")) {
    throw new CheckFailed("note", "no signatures after an empty line");
  }
  const lines = note.slice(gap + 2, -1).split("\n");
  if (lines.length > MOST_SIGNATURES) {
    throw new CheckFailed("note", "too many signatures");
  }
  return { text: note.slice(0, gap + 1), signatures: lines.map(parseSignature) };
}

/** The checkpoint in a note's text. It proves nothing until a signature was verified. @throws CheckFailed `checkpoint` */
export function parseCheckpoint(note: Note): Checkpoint {
  const lines = note.text.split("\n").slice(0, -1);
  const [origin, size, root] = lines;
  const bytes = fromBase64(root ?? "");
  if (lines.includes("") || origin === undefined || size === undefined || !DECIMAL.test(size) || bytes?.length !== 32) {
    throw new CheckFailed("checkpoint", "not a checkpoint");
  }
  if (!Number.isSafeInteger(Number(size))) {
    throw new CheckFailed("checkpoint", "a size beyond 2^53");
  }
  return { origin, size: Number(size), root: bytes };
}

/** Whether the note claims a signature of this key. */
export function claims(note: Note, key: VerifierKey): boolean {
  return signaturesOf(note, key).length > 0;
}

/** Demand the log's signature. @throws CheckFailed `checkpoint` */
export function verifyLogSignature(note: Note, key: VerifierKey): void {
  const given = signaturesOf(note, key);
  if (given.length === 0 || !given.every((signature) => signatureHolds(signature, utf8ToBytes(note.text), key.key))) {
    throw new CheckFailed("checkpoint", `no signature of ${key.name} that holds`);
  }
}

/** The checkpoint of the log whose key and name `key` is. @throws CheckFailed `note`, `checkpoint` */
export function openCheckpoint(text: string, key: VerifierKey): Checkpoint {
  const note = parseNote(text);
  verifyLogSignature(note, key);
  const checkpoint = parseCheckpoint(note);
  if (checkpoint.origin !== key.name) {
    throw new CheckFailed("checkpoint", "a checkpoint of another origin");
  }
  return checkpoint;
}

/**
 * Demand a witness's cosignature: that it saw no larger checkpoint of this log, and no other history.
 *
 * @returns the moment for which it vouches, in seconds since 1970.
 * @throws CheckFailed `cosignature`
 */
export function verifyCosignature(note: Note, key: VerifierKey): number {
  const times = signaturesOf(note, key).map((given) => {
    const time = toNumber(given.slice(0, 8));
    const message = utf8ToBytes(`cosignature/v1\ntime ${time}\n${note.text}`);
    if (given.length !== 72 || time === 0n || time >= 1n << 63n || !signatureHolds(given.slice(8), message, key.key)) {
      throw new CheckFailed("cosignature", `a cosignature of ${key.name} does not hold`);
    }
    return Number(time);
  });
  if (times.length === 0) {
    throw new CheckFailed("cosignature", `no cosignature of ${key.name}`);
  }
  return Math.max(...times);
}

function signaturesOf(note: Note, key: VerifierKey): readonly Uint8Array[] {
  return note.signatures
    .filter(({ name, keyId }) => name === key.name && keyId === key.keyId)
    .map(({ signature }) => signature);
}

function parseSignature(line: string): Note["signatures"][number] {
  const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? [];
  const content = fromBase64(encoded ?? "");
  if (name === undefined || content === null || content.length < 5) {
    throw new CheckFailed("note", "not a signature line");
  }
  return { name, keyId: bytesToHex(content.slice(0, 4)), signature: content.slice(4) };
}

function parseVerifierKey(text: string, type: number): VerifierKey {
  const [, name, keyId, encoded] = VERIFIER_KEY.exec(text) ?? [];
  const material = fromBase64(encoded ?? "");
  if (name === undefined || keyId === undefined || material?.length !== 33 || material[0] !== type) {
    throw new CheckFailed("note", "not a verifier key of this kind");
  }
  if (bytesToHex(sha256(concatBytes(utf8ToBytes(`${name}\n`), material)).slice(0, 4)) !== keyId) {
    throw new CheckFailed("note", "the key id does not belong to the key");
  }
  return { name, keyId, key: material.slice(1) };
}
