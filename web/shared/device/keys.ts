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
  const [signing, sealing] = [random(32), random(32)];
  const raw = concatBytes(ed25519.getPublicKey(signing), x25519.getPublicKey(sealing));
  const encoded = toBase64(raw).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return { signing, sealing, text: `ed25519-x25519:${encoded}` };
}
