/** A device's side of a release, on the vectors that libs/device is held to as well. */

import { hexToBytes } from "@noble/hashes/utils.js";
import { describe, expect, test } from "vitest";

import {
  type Challenge,
  checkChallenge,
  checkOrder,
  type Contents,
  LyingService,
  newDeviceKeys,
  readPhoneState,
  type RequestKind,
  SealBroken,
  sealTypedCode,
  signRequest,
  unseal,
  writePhoneState,
} from "../device/index.ts";
import { vectors } from "./vectors.ts";

const vector = vectors<{
  election_uuid: string;
  occasion_id: string;
  signing_seed: string;
  sealing_secret: string;
  device_key: string;
  requests: { kind: RequestKind; proof: Record<string, string>; device_request: string }[];
  sealed: { contents: Contents; plain: string; sealed: string }[];
  phone: { state: string; code: string; device_request: string };
  typed_code: { code_key: string; plain: string; sealed: string };
  refused_sealed: { why: string; contents: Contents; sealed: string }[];
}>("device/occasion.json");
const { election_uuid: uuid, occasion_id: occasion } = vector;
const keys = newDeviceKeys(given(hexToBytes(vector.signing_seed), hexToBytes(vector.sealing_secret)));

/** Gives these bytes, one after the other. */
function given(...bytes: Uint8Array[]): (count: number) => Uint8Array {
  const rest = [...bytes];
  return (count) => {
    const next = rest.shift();
    if (next?.length !== count) {
      throw new Error("other bytes were asked for");
    }
    return next;
  };
}

test("a device key is written as auth reads it", () => {
  expect(keys.text).toBe(vector.device_key);
});

test.each(vector.requests)("$kind is signed to the byte", ({ kind, proof, device_request }) => {
  expect(signRequest(kind, keys, uuid, occasion, proof)).toBe(device_request);
});

test.each(vector.sealed)("$contents opens", async ({ contents, plain, sealed }) => {
  expect(await unseal(contents, sealed, keys, uuid, occasion)).toBe(plain);
});

test.each(vector.refused_sealed)("what is $why stays closed", async ({ contents, sealed }) => {
  await expect(unseal(contents, sealed, keys, uuid, occasion)).rejects.toThrow(SealBroken);
});

test("what was sealed for another occasion, election or device stays closed", async () => {
  const { contents, sealed } = vector.sealed[0]!;
  const stranger = newDeviceKeys((count) => new Uint8Array(count).fill(7));
  await expect(unseal(contents, sealed, keys, uuid, "1f".repeat(16))).rejects.toThrow(SealBroken);
  await expect(unseal(contents, sealed, keys, `${uuid}2`, occasion)).rejects.toThrow(SealBroken);
  await expect(unseal(contents, sealed, stranger, uuid, occasion)).rejects.toThrow(SealBroken);
  await expect(unseal(contents, `${sealed}!`, keys, uuid, occasion)).rejects.toThrow(SealBroken);
});

test("a typed code is sealed to the byte", async () => {
  const { code_key, plain, sealed } = vector.typed_code;
  // The vectors' ephemeral key (make_device.py).
  const random = given(new Uint8Array(32).fill(3));
  expect(await sealTypedCode(plain, hexToBytes(code_key), uuid, vector.device_key, random)).toBe(sealed);
});

test("what comes back from the phone's app is all that a page needs, in whichever browser", () => {
  const { state, code, device_request } = vector.phone;
  const back = readPhoneState(state);
  expect(back).toEqual({ electionUuid: uuid, challengeId: occasion, keys });
  expect(writePhoneState(back)).toBe(state);
  expect(signRequest("tsukuba-evote release request v1", back.keys, uuid, occasion, { code })).toBe(device_request);
  for (const other of ["", "a.b.c", state.slice(1), state.slice(0, -1), `${state}A`, `${state.slice(0, -1)}=`, state.replace(".", "")]) {
    expect(() => readPhoneState(other), other).toThrow(LyingService);
  }
});

describe("before the card signs", () => {
  const challenge = (key: string, election: string, number: string): Challenge => ({
    challenge_id: occasion,
    challenge: `tsukuba-evote challenge v2\n${election}\n${number}\n${"ab".repeat(32)}\n${key}\n`,
    release_statement:
      `投票資格情報の受け取り\n選挙: 模擬住民投票\n選挙番号: ${election}\n受付番号: ${number}\n受け取る端末の鍵: ${key}\n` +
      "私は、この選挙で投票するための資格情報を、この端末で受け取ります。\n",
  });
  const good = challenge(keys.text, uuid, occasion);
  const stranger = newDeviceKeys((count) => new Uint8Array(count).fill(7)).text;

  test("a challenge for this device is taken", () => {
    checkChallenge(good, keys, uuid);
  });

  test.each([
    ["another device's", challenge(stranger, uuid, occasion)],
    ["another election's", challenge(keys.text, `${uuid}2`, occasion)],
    ["another number's", challenge(keys.text, uuid, "1f".repeat(16))],
    ["one whose statement is another device's", { ...good, release_statement: challenge(stranger, uuid, occasion).release_statement }],
    ["one that says more", { ...good, challenge: `${good.challenge}more\n` }],
    ["one whose statement says more", { ...good, release_statement: `いいえ\n${good.release_statement}` }],
  ])("%s is refused", (_, other) => {
    expect(() => checkChallenge(other, keys, uuid)).toThrow(LyingService);
  });
});

test("an order to verify a face is taken for this device and election alone", () => {
  const order = (key: string, election: string) => JSON.stringify({ device_key: key, election_uuid: election, more: 1 });
  checkOrder(order(keys.text, uuid), keys, uuid);
  expect(() => checkOrder(order(`${keys.text}x`, uuid), keys, uuid)).toThrow(LyingService);
  expect(() => checkOrder(order(keys.text, `${uuid}2`), keys, uuid)).toThrow(LyingService);
  expect(() => checkOrder("[]", keys, uuid)).toThrow(LyingService);
  expect(() => checkOrder("{", keys, uuid)).toThrow(LyingService);
});
