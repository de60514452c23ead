/** The group Ed25519 through @noble/curves (specification, "Ed25519"; RFC 8032). */

import { ed25519 } from "@noble/curves/ed25519.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import { BeleniosError } from "../errors.ts";
import { type Element, type Group, modulo } from "./base.ts";

type Point = typeof ed25519.Point.BASE;
const ZERO = ed25519.Point.ZERO;
const ORDER = ed25519.Point.Fn.ORDER;
/** Bits: making a table of this width costs as much as it saves in some ten exponentiations; a ballot has more. */
const TABLE_WIDTH = 4;

export const ED25519: Group = {
  name: "Ed25519",
  order: ORDER,
  generator: element(ed25519.Point.BASE),
  multiply: (left, right) => element(point(left).add(point(right))),
  divide: (left, right) => element(point(left).subtract(point(right))),
  power: (base, exponent) => element(times(point(base), exponent)),
  powerGenerator: (exponent) => element(times(ed25519.Point.BASE, exponent)),
  fixedBase: (base) => {
    // The table belongs to the object, which is this function's own.
    const own = ed25519.Point.fromAffine(point(base).toAffine()).precompute(TABLE_WIDTH);
    return (exponent) => element(times(own, exponent));
  },
  // The spec writes the 256-bit number; RFC 8032's bytes are its little-endian form.
  encode: (given) => bytesToHex(point(given).toBytes().toReversed()),
  decode: (text) => {
    if (!/^[0-9a-f]{64}$/.test(text)) {
      throw refusal("an element is 64 lower-case hexadecimal digits");
    }
    let found: Point;
    try {
      found = ed25519.Point.fromBytes(hexToBytes(text).toReversed());
    } catch {
      throw refusal("not the canonical encoding of a point");
    }
    if (found.equals(ZERO) || !found.isTorsionFree()) {
      throw refusal("not in the subgroup of order q, or the identity");
    }
    return element(found);
  },
};

/** Constant time in a scalar that is not zero, as far as JavaScript can. */
function times(base: Point, exponent: bigint): Point {
  const scalar = modulo(exponent, ORDER);
  return scalar === 0n ? ZERO : base.multiply(scalar);
}

function element(given: Point): Element {
  return given as unknown as Element;
}

function point(given: Element): Point {
  return given as unknown as Point;
}

function refusal(detail: string): BeleniosError {
  return new BeleniosError("group-element", detail);
}
