/** A receipt is believed only if the ballot service signed it for this very ballot. */

import { ed25519 } from "@noble/curves/ed25519.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { canonical, fromBase64 } from "@tsukuba-evote/shared/belenios";
import { LyingService } from "@tsukuba-evote/shared/device";

import type { Receipt } from "./machine.ts";

/**
 * @param key the service's Ed25519 key in base64, from the city's configuration and not from the service.
 * @throws LyingService
 */
export function checkReceipt(receipt: Receipt, electionUuid: string, tracker: string, key: string): void {
  if (receipt.election_uuid !== electionUuid || receipt.tracker !== tracker) {
    throw new LyingService("the receipt is for another ballot");
  }
  const { signature, ...signed } = receipt;
  const [signatureBytes, keyBytes] = [fromBase64(signature), fromBase64(key)];
  if (signatureBytes?.length !== 64 || keyBytes?.length !== 32) {
    throw new LyingService("the receipt's signature is none");
  }
  const { election_uuid, accepted_at, position } = signed;
  const text = canonical({ election_uuid, tracker, accepted_at, position: { ...position } });
  if (!ed25519.verify(signatureBytes, utf8ToBytes(text), keyBytes)) {
    throw new LyingService("the receipt's signature does not hold");
  }
}
