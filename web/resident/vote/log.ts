/** Looking for a record in the public log: nothing is believed that doesn't lead up to the log's signed head. */

import { hexToBytes, bytesToHex } from "@noble/hashes/utils.js";
import type { Services } from "@tsukuba-evote/shared/api";
import { CheckFailed, leafHash, openCheckpoint, type VerifierKey, verifyInclusion } from "@tsukuba-evote/shared/check";

import { persist, Refused, type Wait } from "./retrying.ts";

/**
 * Whether the log's newest signed head covers a record; false: not yet.
 *
 * @throws CheckFailed when what the log says doesn't hold; what {@link persist} throws.
 */
export async function logHolds(
  services: Services,
  key: VerifierKey,
  record: Uint8Array,
  wait: Wait,
  signal: AbortSignal,
): Promise<boolean> {
  const leaf = leafHash(record);
  const query = { leaf_hash: bytesToHex(leaf) };
  try {
    const proof = await persist(() => services.log.GET("/proofs/inclusion", { params: { query }, signal }), wait);
    const checkpoint = openCheckpoint(proof.checkpoint ?? "", key);
    verifyInclusion(leaf, proof.log_index, checkpoint.size, proof.hashes.map(hashOf), checkpoint.root);
    return true;
  } catch (error) {
    if (error instanceof Refused && (error.slug === "unknown-leaf" || error.slug === "empty-log")) {
      return false;
    }
    throw error;
  }
}

function hashOf(text: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new CheckFailed("inclusion", "a hash that is none");
  }
  return hexToBytes(text);
}
