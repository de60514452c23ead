/** The receipt, and the record in the log that a voter's device makes anew from its ballot, order statement and receipt. */

import { ed25519 } from "@noble/curves/ed25519.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

import { fromBase64 } from "../belenios/bytes.ts";
import { canonical } from "../belenios/canonical.ts";
import { type OrderStatement, trackerOf } from "../belenios/index.ts";
import { CheckFailed } from "./errors.ts";

/** What the ballot service says of a ballot that it took in (`Receipt` of its OpenAPI document). */
export interface Receipt {
  readonly election_uuid: string;
  readonly tracker: string;
  readonly position: { readonly partition: number; readonly offset: number };
  /** RFC 3339: the record's own time. */
  readonly accepted_at: string;
  /** Base64 of Ed25519 over the canonical JSON (RFC 8785) of the rest. */
  readonly signature: string;
}

/**
 * The ballot service signed this receipt, for the ballot of this tracker.
 *
 * @param key the service's Ed25519 key, 32 bytes, which the page has from the city.
 * @throws CheckFailed `receipt`
 */
export function checkReceipt(receipt: Receipt, electionUuid: string, tracker: string, key: Uint8Array): void {
  if (receipt.tracker !== tracker || receipt.election_uuid !== electionUuid) {
    throw new CheckFailed("receipt", "it is for another ballot");
  }
  const { partition, offset } = receipt.position;
  const said = {
    election_uuid: receipt.election_uuid,
    tracker: receipt.tracker,
    position: { partition, offset },
    accepted_at: receipt.accepted_at,
  };
  if (!signatureHolds(fromBase64(receipt.signature), utf8ToBytes(canonical(said)), key)) {
    throw new CheckFailed("receipt", "the signature does not hold");
  }
}

/** A ballot's record in the log, to the byte: what the log shows the hash of, before the close too. */
export function recordOf(ballotText: string, credential: string, order: OrderStatement, receipt: Receipt): Uint8Array {
  const tracker = trackerOf(ballotText);
  const { challenge, response } = order.signature;
  return utf8ToBytes(
    canonical({
      specversion: "1.0",
      id: tracker,
      source: "ballot",
      type: "jp.tsukuba.evote.ballots.BallotAccepted.v2",
      time: receipt.accepted_at,
      datacontenttype: "application/json",
      data: {
        election_uuid: receipt.election_uuid,
        credential,
        tracker,
        ballot: ballotText,
        order: { number: order.number, signature: { challenge, response } },
      },
    }),
  );
}

/** RFC 8032, strictly: what OpenSSL refuses is refused here. */
export function signatureHolds(signature: Uint8Array | null, message: Uint8Array, key: Uint8Array): boolean {
  try {
    return signature !== null && ed25519.verify(signature, message, key, { zip215: false });
  } catch {
    // Not 64 bytes, or not a point.
    return false;
  }
}
