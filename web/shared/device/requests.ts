/**
 * What a device asks for, signed with its key of the occasion. The signature covers everything that is sent beside it, so that
 * whoever ends TLS can't put another person's card or verdict into the request.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

import { toBase64 } from "../belenios/bytes.ts";
import { canonical } from "../belenios/canonical.ts";
import type { DeviceKeys } from "./keys.ts";

/** The voter's credential, or an order to enrol the voter's face with a voting code. */
export type RequestKind = "tsukuba-evote release request v1" | "tsukuba-evote face enrolment request v1";

/**
 * What is sent as `device_request`.
 *
 * @param occasionId the challenge's or the order's number.
 * @param proof what shows who the voter is, as it is sent: by card `user_certificate`, `challenge_signature`,
 * `signature_certificate` and `statement_signature`, each in base64; by face `verdict`; by phone `code`.
 */
export function signRequest(
  kind: RequestKind,
  keys: DeviceKeys,
  electionUuid: string,
  occasionId: string,
  proof: Readonly<Record<string, string>>,
): string {
  const body = {
    kind,
    election_uuid: electionUuid,
    occasion_id: occasionId,
    device_key: keys.text,
    proof_sha256: bytesToHex(sha256(utf8ToBytes(canonical(proof)))),
  };
  const signature = ed25519.sign(utf8ToBytes(canonical(body)), keys.signing);
  return canonical({ ...body, signature: toBase64(signature) });
}
