/** What the protocol needs of a group of prime order (specification, "Groups"). */

import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

import { type Random, toNumber } from "../bytes.ts";

declare const member: unique symbol;

/** A member of a group's prime-order subgroup; only its own group knows what is inside. */
export type Element = { readonly [member]: never };

/** Raises one fixed base to an exponent. */
export type Power = (exponent: bigint) => Element;

/** A group written multiplicatively. Exponents are integers modulo `order`. */
export interface Group {
  /** The string that stands in `election.group`. */
  readonly name: string;
  /** The prime q. */
  readonly order: bigint;
  readonly generator: Element;
  multiply(left: Element, right: Element): Element;
  /** `left` times the inverse of `right`. */
  divide(left: Element, right: Element): Element;
  power(base: Element, exponent: bigint): Element;
  powerGenerator: Power;
  /** A function that raises `base`, faster than {@link power} when it is called often. */
  fixedBase(base: Element): Power;
  /** The one text of an element. */
  encode(element: Element): string;
  /**
   * The element of a text.
   *
   * @throws BeleniosError `group-element`, unless the text is canonical and the element is in the prime-order subgroup and
   * not the identity: no honest key, ciphertext or credential is the identity.
   */
  decode(text: string): Element;
}

/** The remainder that is not negative. */
export function modulo(number: bigint, order: bigint): bigint {
  const rest = number % order;
  return rest < 0n ? rest + order : rest;
}

/** SHA-256 of the text as a big-endian number modulo q: every Fiat-Shamir challenge of version 1. */
export function hashToExponent(group: Group, text: string): bigint {
  return toNumber(sha256(utf8ToBytes(text))) % group.order;
}

/** A uniform exponent: 128 bits more than q before the reduction leave no bias to speak of. */
export function randomExponent(group: Group, random: Random): bigint {
  return toNumber(random(48)) % group.order;
}
