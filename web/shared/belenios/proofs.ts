/**
 * Zero-knowledge proofs over one group: of knowledge, and disjunctive ones over ElGamal ciphertexts.
 *
 * Every proof is a list of (challenge, response) pairs whose commitments are recomputed and hashed (specification, "Common
 * structures", "Proofs of interval membership", "Proofs of possibly-blank votes").
 */

import type { Random } from "./bytes.ts";
import { type Element, type Group, hashToExponent, modulo, type Power, randomExponent } from "./groups/index.ts";
import { Fields, type Json } from "./json.ts";

/** A Schnorr-like pair of numbers modulo q. */
export interface Proof {
  readonly challenge: bigint;
  readonly response: bigint;
}

/** The `proof` structure, its fields in the spec's order. */
export interface WrittenProof {
  readonly challenge: string;
  readonly response: string;
}

/** One branch of a disjunction: (alpha, beta·g^-m) is (g^r, y^r) for some r; m is divided out already. */
export interface Statement {
  readonly alpha: Element;
  readonly beta: Element;
}

/** What the prover knows of a branch: (alpha, beta·g^-m) is (g^secret, y^secret·g^excess); excess 0 when it is true. */
export interface Opening {
  readonly secret: bigint;
  readonly excess: number;
}

export function writeProof(proof: Proof): WrittenProof {
  return { challenge: proof.challenge.toString(), response: proof.response.toString() };
}

/** @throws BeleniosError `schema`, `number`, unless both numbers are canonical and reduced modulo q. */
export function parseProof(value: Json, order: bigint, what: string): Proof {
  const fields = new Fields(value, what);
  const proof = { challenge: fields.exponent("challenge", order), response: fields.exponent("response", order) };
  fields.end();
  return proof;
}

/** Prove knowledge of `secret` = log X: the challenge is the hash of `prefix` and the commitment g^w. */
export function proveKnowledge(group: Group, secret: bigint, prefix: string, random: Random): Proof {
  const nonce = randomExponent(group, random);
  const challenge = hashToExponent(group, prefix + group.encode(group.powerGenerator(nonce)));
  return { challenge, response: modulo(nonce - secret * challenge, group.order) };
}

/** Whether the proof shows knowledge of the discrete logarithm of `known`. */
export function knowledgeHolds(group: Group, known: Element, prefix: string, proof: Proof): boolean {
  const commitment = group.multiply(group.powerGenerator(proof.response), group.power(known, proof.challenge));
  return hashToExponent(group, prefix + group.encode(commitment)) === proof.challenge;
}

/**
 * Prove that one of the branches holds, without saying which one it is. One of the openings must have no excess.
 *
 * For each branch in order a nonce is drawn, then, unless it is the first true one, its challenge.
 */
export function proveOneOf(
  group: Group,
  yPower: Power,
  openings: readonly Opening[],
  prefix: string,
  random: Random,
): readonly Proof[] {
  const trueIndex = openings.findIndex((opening) => opening.excess === 0);
  const drawn = openings.map((opening, index) => {
    const nonce = randomExponent(group, random);
    return { opening, nonce, challenge: index === trueIndex ? 0n : randomExponent(group, random) };
  });
  const commitments = drawn.map(({ opening, nonce, challenge }) => {
    // Every opening is known, so that a simulated branch's commitment costs little more than an honest one.
    const right = yPower(nonce);
    const excess = BigInt(opening.excess) * challenge;
    const shifted = opening.excess === 0 ? right : group.multiply(right, group.powerGenerator(excess));
    return `${group.encode(group.powerGenerator(nonce))},${group.encode(shifted)}`;
  });
  const total = hashToExponent(group, prefix + commitments.join(","));
  const others = drawn.reduce((sum, { challenge }) => sum + challenge, 0n);
  return drawn.map(({ opening, nonce, challenge: simulated }, index) => {
    const challenge = index === trueIndex ? modulo(total - others, group.order) : simulated;
    return { challenge, response: modulo(nonce - opening.secret * challenge, group.order) };
  });
}

/** Whether the disjunctive proof holds. */
export function oneOfHolds(
  group: Group,
  yPower: Power,
  statements: readonly Statement[],
  prefix: string,
  proofs: readonly Proof[],
): boolean {
  if (statements.length !== proofs.length) {
    return false;
  }
  const commitments = statements.map((statement, index) => {
    const { challenge, response } = proofs[index]!;
    const left = group.multiply(group.powerGenerator(response), group.power(statement.alpha, challenge));
    const right = group.multiply(yPower(response), group.power(statement.beta, challenge));
    return `${group.encode(left)},${group.encode(right)}`;
  });
  const total = hashToExponent(group, prefix + commitments.join(","));
  return total === proofs.reduce((sum, proof) => sum + proof.challenge, 0n) % group.order;
}
