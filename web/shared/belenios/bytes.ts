/** How the protocol writes bytes and hashes them. */

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** Gives as many unpredictable bytes as asked for. */
export type Random = (count: number) => Uint8Array;

/** The browser's own source, and no other. */
export const systemRandom: Random = (count) => crypto.getRandomValues(new Uint8Array(count));

/** RFC 4648, section 4, with padding. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The inverse of {@link toBase64}, which takes only what that writes; `null` for anything else. */
export function fromBase64(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    return null;
  }
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return toBase64(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}

/** Unpadded base64 of SHA-256: fingerprints, trackers, hashes of what is signed. */
export function digestOf(text: string): string {
  return toBase64(sha256(utf8ToBytes(text))).replace(/=+$/, "");
}

/** Big-endian. */
export function toNumber(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytesToHex(bytes)}`);
}
