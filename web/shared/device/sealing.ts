/**
 * Opening what auth sealed to the device, and sealing a typed code to auth, by HPKE (RFC 9180): base mode, X25519,
 * HKDF-SHA256, AES-256-GCM. Held to the RFC's own vector and to `tests/vectors/device`.
 */

import { x25519 } from "@noble/curves/ed25519.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { fromBase64, type Random, toBase64 } from "../belenios/bytes.ts";
import type { DeviceKeys } from "./keys.ts";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const NOTHING = new Uint8Array();
const VERSION = utf8ToBytes("HPKE-v1");
/** `KEM` and DHKEM(X25519, HKDF-SHA256). */
const KEM_SUITE = Uint8Array.of(0x4b, 0x45, 0x4d, 0x00, 0x20);
/** `HPKE`, that KEM, HKDF-SHA256, AES-256-GCM. */
const SUITE = Uint8Array.of(0x48, 0x50, 0x4b, 0x45, 0x00, 0x20, 0x00, 0x01, 0x00, 0x02);

/** What is sealed; part of what the seal is bound to, so that neither passes for the other. */
export type Contents =
  | "tsukuba-evote sealed credential v1"
  | "tsukuba-evote sealed voting code v1"
  | "tsukuba-evote sealed name v1";

/** Not sealed to this key for this purpose, or changed on the way. */
export class SealBroken extends Error {
  override readonly name = "SealBroken";
}

/** What the device does with auth's answer. @throws SealBroken */
export async function unseal(
  contents: Contents,
  sealed: string,
  keys: DeviceKeys,
  electionUuid: string,
  occasionId: string,
): Promise<string> {
  const info = utf8ToBytes(`${contents}\n${electionUuid}\n${occasionId}\n${keys.text}\n`);
  const bytes = fromBase64(sealed);
  if (bytes === null) {
    throw new SealBroken();
  }
  try {
    const [encapsulated, ciphertext] = [bytes.slice(0, KEY_BYTES), bytes.slice(KEY_BYTES)];
    const shared = x25519.getSharedSecret(keys.sealing, encapsulated);
    const { key, nonce } = schedule(shared, encapsulated, x25519.getPublicKey(keys.sealing), info);
    const aes = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, aes, ciphertext);
    return new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch {
    // Too short, a key of low order, another key, another purpose, a changed byte: it makes no difference to a voter.
    throw new SealBroken();
  }
}

/**
 * What the device sends for a voting code that its voter typed. The code is good for an order that names this device key and
 * no other.
 *
 * @param codeKey auth's X25519 key, which the page has from the city and not from auth.
 */
export async function sealTypedCode(
  typed: string,
  codeKey: Uint8Array,
  electionUuid: string,
  deviceKey: string,
  random: Random,
): Promise<string> {
  const info = utf8ToBytes(`tsukuba-evote typed voting code v1\n${electionUuid}\n${deviceKey}\n`);
  const ephemeral = random(KEY_BYTES);
  const encapsulated = x25519.getPublicKey(ephemeral);
  const { key, nonce } = schedule(x25519.getSharedSecret(ephemeral, codeKey), encapsulated, codeKey, info);
  const aes = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  const ciphertext = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, aes, bytesOf(utf8ToBytes(typed)));
  return toBase64(concatBytes(encapsulated, new Uint8Array(ciphertext)));
}

/** RFC 9180, sections 4.1 and 5.1, for one message. */
function schedule(
  dh: Uint8Array,
  encapsulated: Uint8Array,
  recipient: Uint8Array,
  info: Uint8Array,
): { key: Uint8Array<ArrayBuffer>; nonce: Uint8Array<ArrayBuffer> } {
  const prk = labeledExtract(NOTHING, KEM_SUITE, "eae_prk", dh);
  const shared = labeledExpand(prk, KEM_SUITE, "shared_secret", concatBytes(encapsulated, recipient), KEY_BYTES);
  const hashes = [labeledExtract(NOTHING, SUITE, "psk_id_hash", NOTHING), labeledExtract(NOTHING, SUITE, "info_hash", info)];
  const context = concatBytes(Uint8Array.of(0), ...hashes);
  const secret = labeledExtract(shared, SUITE, "secret", NOTHING);
  return {
    key: labeledExpand(secret, SUITE, "key", context, KEY_BYTES),
    nonce: labeledExpand(secret, SUITE, "base_nonce", context, NONCE_BYTES),
  };
}

function labeledExtract(salt: Uint8Array, suite: Uint8Array, label: string, keying: Uint8Array): Uint8Array {
  return extract(sha256, concatBytes(VERSION, suite, utf8ToBytes(label), keying), salt);
}

function labeledExpand(
  prk: Uint8Array,
  suite: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array<ArrayBuffer> {
  const labeled = concatBytes(Uint8Array.of(length >> 8, length & 0xff), VERSION, suite, utf8ToBytes(label), info);
  return bytesOf(expand(sha256, prk, labeled, length));
}

/** A copy in memory of its own, which alone the browser's cryptography takes. */
function bytesOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}
