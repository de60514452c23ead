/** The Merkle tree of RFC 9162, section 2.1: leaves, and the way from a leaf to the head. */

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes } from "@noble/hashes/utils.js";

import { CheckFailed } from "./errors.ts";

const HASH_BYTES = 32;

/** SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(0), entry));
}

/**
 * RFC 9162, section 2.1.3.2: the leaf is at `index` of the tree of `size`, whose head, from a checkpoint that is trusted, is
 * `root`.
 *
 * @throws CheckFailed `inclusion`
 */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void {
  // Step 1. Numbers of the log beyond 2^53 are not read at all.
  if (![index, size].every(Number.isSafeInteger) || index < 0 || index >= size) {
    throw new CheckFailed("inclusion", "a tree of this size has no such leaf");
  }
  if ([leaf, ...proof, root].some((hash) => hash.length !== HASH_BYTES)) {
    throw new CheckFailed("inclusion", "a hash that is not 32 bytes long");
  }
  let [fn, sn, r] = [BigInt(index), BigInt(size - 1), leaf]; // steps 2 and 3
  for (const p of proof) {
    // step 4
    if (sn === 0n) {
      throw new CheckFailed("inclusion", "the proof is too long");
    }
    if ((fn & 1n) === 1n || fn === sn) {
      r = nodeHash(p, r);
      while ((fn & 1n) === 0n && fn !== 0n) {
        [fn, sn] = [fn >> 1n, sn >> 1n];
      }
    } else {
      r = nodeHash(r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n) {
    // step 5
    throw new CheckFailed("inclusion", "the proof is too short");
  }
  if (bytesToHex(r) !== bytesToHex(root)) {
    throw new CheckFailed("inclusion", "the proof leads to another root");
  }
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}
