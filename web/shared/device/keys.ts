/** Two keys that a device makes for one occasion, and the one public line of both, the *device key*. */

import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { type Random, toBase64 } from "../belenios/bytes.ts";

/** Both private keys, and the line that auth is told. */
export interface DeviceKeys {
  /** The seed of an Ed25519 key (RFC 8032), which signs the request. */
  readonly signing: Uint8Array;
  /** An X25519 key (RFC 7748), to which the answer is sealed. */
  readonly sealing: Uint8Array;
  /** `ed25519-x25519:` and both public keys, in unpadded base64url (RFC 4648, section 5). */
  readonly text: string;
}

/** Fresh keys from `random`. */
export function newDeviceKeys(random: Random): DeviceKeys {
  return deviceKeysOf(random(32), random(32));
}

/** The same from both private keys, 32 bytes each. */
export function deviceKeysOf(signing: Uint8Array, sealing: Uint8Array): DeviceKeys {
  const raw = concatBytes(ed25519.getPublicKey(signing), x25519.getPublicKey(sealing));
  return { signing, sealing, text: `ed25519-x25519:${toBase64Url(raw)}` };
}

/** Unpadded base64url (RFC 4648, section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
