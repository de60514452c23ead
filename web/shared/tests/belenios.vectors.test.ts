/** The vectors of tests/vectors/ed25519, which a third implementation computed from the specification. */

import { hexToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";

import {
  type Choices,
  ED25519,
  findOnList,
  partOfList,
  generateBallot,
  hashToExponent,
  type Json,
  parseBallot,
  parseCredential,
  parseElection,
  publicCredential,
  secretExponent,
  seededRandom,
  signOrder,
  trackerOf,
  verifyBallot,
  verifyOrder,
} from "../belenios/index.ts";
import { vectors } from "./vectors.ts";

type Texts<Name extends string> = Readonly<Record<Name, string>>;

const group = vectors<{
  order: string;
  generator: string;
  power_of_generator: Texts<"exponent" | "element">[];
  power: Texts<"base" | "exponent" | "element">[];
  multiply: Texts<"left" | "right" | "product">[];
  hash_modulo_order: Texts<"text" | "number">[];
  refused: Texts<"why" | "text">[];
}>("ed25519/group.json");
const credentials = vectors<{
  election_uuid: string;
  accepted: Texts<"credential" | "secret_exponent" | "public_credential">[];
  refused: string[];
}>("ed25519/credentials.json");
const ballots = vectors<{
  accepted: (Texts<"what" | "election" | "fingerprint" | "credential" | "random_seed" | "ballot" | "tracker"> & {
    choices: Choices;
  })[];
  refused: Texts<"why" | "rule" | "ballot">[];
}>("ed25519/ballots.json");
const orders = vectors<{
  election_uuid: string;
  accepted: (Texts<"credential" | "public_credential" | "tracker" | "random_seed"> & { order: { number: number } })[];
  refused: (Texts<"why" | "rule" | "tracker" | "public_credential"> & { order: Json })[];
}>("ed25519/orders.json");

describe("the group Ed25519", () => {
  test("has the specification's order and generator", () => {
    expect(ED25519.order.toString()).toBe(group.order);
    expect(ED25519.encode(ED25519.generator)).toBe(group.generator);
  });

  test.each(group.power_of_generator)("raises its generator to $exponent", ({ exponent, element }) => {
    expect(ED25519.encode(ED25519.powerGenerator(BigInt(exponent)))).toBe(element);
  });

  test.each(group.power)("raises $base to $exponent", ({ base, exponent, element }) => {
    const decoded = ED25519.decode(base);
    expect(ED25519.encode(ED25519.power(decoded, BigInt(exponent)))).toBe(element);
    expect(ED25519.encode(ED25519.fixedBase(decoded)(BigInt(exponent)))).toBe(element);
  });

  test.each(group.multiply)("multiplies $left, and divides", ({ left, right, product }) => {
    const [first, second] = [ED25519.decode(left), ED25519.decode(right)];
    expect(ED25519.encode(ED25519.multiply(first, second))).toBe(product);
    expect(ED25519.encode(ED25519.divide(ED25519.decode(product), second))).toBe(left);
  });

  test.each(group.hash_modulo_order)("hashes $text", ({ text, number }) => {
    expect(hashToExponent(ED25519, text).toString()).toBe(number);
  });

  test.each(group.refused)("refuses what is $why: $text", ({ text }) => {
    expect(() => ED25519.decode(text)).toThrow(expect.objectContaining({ rule: "group-element" }));
  });
});

describe("credentials", () => {
  const election = { uuid: credentials.election_uuid, group: ED25519 };

  test.each(credentials.accepted)("$credential is derived", (known) => {
    expect(secretExponent(known.credential, election).toString()).toBe(known.secret_exponent);
    expect(publicCredential(known.credential, election)).toBe(known.public_credential);
  });

  test.each(credentials.refused)("%j is refused", (text) => {
    expect(() => parseCredential(text)).toThrow(expect.objectContaining({ rule: "credential-format" }));
  });

  test("are looked for in the part of the list in which tally has them", () => {
    // The same figures stand in services/tally/tests/test_roll.py.
    const sizes = [0, 1023, 1024, 14_000, 200_000, 1_000_000_000];
    const parts = credentials.accepted.slice(0, 3).map(({ credential }) => sizes.map((size) => partOfList(credential, size, election)));
    expect(parts).toEqual([[0, 0, 0, 5, 84, 84], [0, 0, 1, 11, 189, 189], [0, 0, 1, 11, 188, 188]]);
  });

  test("are found on the list with their weight, and nowhere else", () => {
    const [first, second, third] = credentials.accepted;
    const list = JSON.stringify([first!.public_credential, `${second!.public_credential},3`]);
    expect(findOnList(list, first!.credential, election)).toEqual({ credential: first!.public_credential, weight: 1n });
    expect(findOnList(list, second!.credential, election).weight).toBe(3n);
    expect(() => findOnList(list, third!.credential, election)).toThrow(
      expect.objectContaining({ rule: "credential-unlisted" }),
    );
  });
});

describe("ballots", () => {
  test.each(ballots.accepted)("$what: made again to the byte, and verified", (known) => {
    const election = parseElection(known.election);
    expect(election.fingerprint).toBe(known.fingerprint);
    const stream = seededRandom(hexToBytes(known.random_seed));
    expect(generateBallot(election, known.credential, known.choices, stream, stream).text).toBe(known.ballot);
    expect(trackerOf(known.ballot)).toBe(known.tracker);
    verifyBallot(election, parseBallot(election, known.ballot));
  });

  test.each(ballots.refused)("$why: refused by $rule", ({ rule, ballot }) => {
    const election = parseElection(ballots.accepted[0]!.election);
    expect(() => verifyBallot(election, parseBallot(election, ballot))).toThrow(expect.objectContaining({ rule }));
  });
});

describe("order statements", () => {
  const election = { uuid: orders.election_uuid, group: ED25519 };

  test.each(orders.accepted)("number $order.number: made again to the byte, and verified", (known) => {
    const random = seededRandom(hexToBytes(known.random_seed));
    const order = signOrder(election, known.credential, known.tracker, known.order.number, random);
    expect(order).toEqual(known.order);
    expect(verifyOrder(election, { ...order, signature: { ...order.signature } }, known.tracker, known.public_credential)).toBe(
      known.order.number,
    );
  });

  test.each(orders.refused)("$why: refused by $rule", ({ rule, order, tracker, public_credential }) => {
    expect(() => verifyOrder(election, order, tracker, public_credential)).toThrow(expect.objectContaining({ rule }));
  });
});
