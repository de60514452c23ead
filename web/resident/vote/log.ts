/**
 * What the device believes of the public log: nothing that doesn't lead up to the log's signed head (C2SP signed-note and
 * tlog-checkpoint; RFC 9162, section 2.1.3.2).
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Services } from "@tsukuba-evote/shared/api";
import { fromBase64 } from "@tsukuba-evote/shared/belenios";
import { LyingService } from "@tsukuba-evote/shared/device";

import { persist, Refused, type Wait } from "./retrying.ts";

/** The log's name and Ed25519 key. */
export interface LogKey {
  readonly name: string;
  readonly id: Uint8Array;
  readonly key: Uint8Array;
}

const VKEY = /^(?<name>[^\s+]+)\+(?<id>[0-9a-f]{8})\+(?<key>[A-Za-z0-9+/]+={0,2})$/;
const ED25519 = 1;
const SIGNATURE_LINE = /^\u2014 (?<name>\S+) (?<signature>[A-Za-z0-9+/]+={0,2})$/;
const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;

/** A key as the city's configuration writes it: name, number and key with `+` between. `null`: it is none. */
export function parseLogKey(text: string): LogKey | null {
  const { name, id, key } = VKEY.exec(text)?.groups ?? {};
  const bytes = fromBase64(key ?? "");
  if (name === undefined || id === undefined || bytes?.length !== 33 || bytes[0] !== ED25519) {
    return null;
  }
  const expected = sha256(concatBytes(utf8ToBytes(`${name}\n`), bytes)).slice(0, 4);
  return bytesToHex(expected) === id ? { name, id: expected, key: bytes.slice(1) } : null;
}

/** The size and root that the log signed. @throws LyingService */
export function openCheckpoint(note: string, key: LogKey): { readonly size: number; readonly root: Uint8Array } {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const signatures = note.slice(end + 2).split("\n").slice(0, -1);
  const [origin, size, rootText] = text.split("\n");
  const root = fromBase64(rootText ?? "");
  const signed = signatures.some((line) => {
    const { name, signature } = SIGNATURE_LINE.exec(line)?.groups ?? {};
    const bytes = fromBase64(signature ?? "");
    return (
      name === key.name &&
      bytes?.length === 68 &&
      bytesToHex(bytes.slice(0, 4)) === bytesToHex(key.id) &&
      ed25519.verify(bytes.slice(4), utf8ToBytes(text), key.key)
    );
  });
  if (end < 0 || !signed || origin !== key.name || !SIZE.test(size ?? "") || root?.length !== 32) {
    throw new LyingService("the log's head is not signed by the log");
  }
  return { size: Number(size), root };
}

/** The hash of a record as a leaf. */
export function leafHash(record: string): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(0), utf8ToBytes(record)));
}

/** @throws LyingService unless the leaf stands at `index` of the tree of that size and root. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void {
  let [fn, sn, r] = [index, size - 1, leaf];
  for (const p of proof) {
    if (sn === 0) {
      throw new LyingService("the proof is too long");
    }
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) {
        [fn, sn] = [half(fn), half(sn)];
      }
    } else {
      r = nodeHash(r, p);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  if (index < 0 || index >= size || sn !== 0 || bytesToHex(r) !== bytesToHex(root)) {
    throw new LyingService("the log's proof does not hold");
  }
}

/**
 * Whether the log's newest signed head covers a record; false: not yet.
 *
 * @throws LyingService when what the log says doesn't hold; what {@link persist} throws.
 */
export async function logHolds(
  services: Services,
  key: LogKey,
  record: string,
  wait: Wait,
  signal: AbortSignal,
): Promise<boolean> {
  const leaf = leafHash(record);
  const query = { leaf_hash: bytesToHex(leaf) };
  try {
    const proof = await persist(() => services.log.GET("/proofs/inclusion", { params: { query }, signal }), wait);
    const checkpoint = openCheckpoint(proof.checkpoint ?? "", key);
    verifyInclusion(leaf, proof.log_index, checkpoint.size, proof.hashes.map(hash), checkpoint.root);
    return true;
  } catch (error) {
    if (error instanceof Refused && (error.slug === "unknown-leaf" || error.slug === "empty-log")) {
      return false;
    }
    throw error;
  }
}

function hash(text: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new LyingService("a hash in a proof is none");
  }
  return hexToBytes(text);
}

/** Not `>>`, which knows 32 bits only. */
function half(number: number): number {
  return Math.floor(number / 2);
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}
