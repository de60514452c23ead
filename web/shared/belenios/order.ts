/**
 * What a credential signs beside its ballots: the order statement, by which the voter says in which order the ballots came,
 * and the proof of holding the credential. Schnorr signatures like the ballot's own, each under a first word of its own, so
 * that none passes for another.
 */

import type { Random } from "./bytes.ts";
import { secretExponent } from "./credentials.ts";
import type { Election } from "./election.ts";
import { BeleniosError } from "./errors.ts";
import { Fields, type Json } from "./json.ts";
import { knowledgeHolds, parseProof, proveKnowledge, type WrittenProof, writeProof } from "./proofs.ts";

const TRACKER = /^[A-Za-z0-9+/]{43}$/;
const CHALLENGE = /^[A-Za-z0-9.]{1,100}$/;

/** As it is posted beside the ballot, and logged. */
export interface OrderStatement {
  /** From 1: that of the ballot among those of its credential. */
  readonly number: number;
  readonly signature: WrittenProof;
}

/**
 * Sign that the ballot of this tracker is the voter's `number`th. Only for a ballot that the voter casts: with the
 * statement a ballot can be cast by whoever has both.
 *
 * @param number 1 for a device that knows of no earlier ballot; otherwise one above the last that *the device found in the
 * log*, never above one that only a service told it.
 * @throws BeleniosError `order-number`, `order-tracker`, `credential-format`.
 */
export function signOrder(
  election: Pick<Election, "uuid" | "group">,
  credential: string,
  tracker: string,
  number: number,
  random: Random,
): OrderStatement {
  checkNumber(number);
  const { secret, text } = keyOf(election, credential);
  const signature = proveKnowledge(election.group, secret, orderPrefix(election.uuid, tracker, number, text), random);
  return { number, signature: writeProof(signature) };
}

/**
 * Read an order statement strictly and demand that the public `credential` signed it for this ballot.
 *
 * @returns its number.
 * @throws BeleniosError `schema`, `number`, `order-number`, `group-element`; `order-signature`.
 */
export function verifyOrder(
  election: Pick<Election, "uuid" | "group">,
  value: Json,
  tracker: string,
  credential: string,
): number {
  const fields = new Fields(value, "order");
  const number = fields.integer("number");
  const signature = parseProof(fields.value("signature"), election.group.order, "order.signature");
  fields.end();
  checkNumber(number);
  const prefix = orderPrefix(election.uuid, tracker, number, credential);
  if (!knowledgeHolds(election.group, election.group.decode(credential), prefix, signature)) {
    throw new BeleniosError("order-signature", "the credential did not sign this number for this ballot");
  }
  return number;
}

/**
 * Sign a challenge of the ballot service, to be told of the credential's own ballots.
 *
 * @throws BeleniosError `holder-challenge`, `credential-format`.
 */
export function proveHolding(
  election: Pick<Election, "uuid" | "group">,
  credential: string,
  challenge: string,
  random: Random,
): WrittenProof {
  // No part can hold a "|": the text says one thing only.
  if (!CHALLENGE.test(challenge)) {
    throw new BeleniosError("holder-challenge", "a challenge is 1 to 100 letters, digits and points");
  }
  const { secret, text } = keyOf(election, credential);
  const prefix = `evote-holder|${election.uuid}|${challenge}|${text}|`;
  return writeProof(proveKnowledge(election.group, secret, prefix, random));
}

function keyOf(election: Pick<Election, "uuid" | "group">, credential: string): { secret: bigint; text: string } {
  const secret = secretExponent(credential, election);
  return { secret, text: election.group.encode(election.group.powerGenerator(secret)) };
}

function orderPrefix(uuid: string, tracker: string, number: number, credential: string): string {
  // No part can hold a "|": the text says one thing only.
  if (!TRACKER.test(tracker)) {
    throw new BeleniosError("order-tracker", "a tracker is the unpadded base64 of a SHA-256");
  }
  return `evote-order|${uuid}|${tracker}|${number}|${credential}|`;
}

function checkNumber(number: number): void {
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new BeleniosError("order-number", "a number is between 1 and 2^53 - 1");
  }
}

