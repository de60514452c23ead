/**
 * What the page adds to its way to the phone's app and gets back, perhaps in another browser: all that it needs there. It is not
 * sealed: whoever reads it has the code beside it, and is the voter's device to auth (`docs/adr/0030-phone.md`). So it is in the
 * fragment alone, and erased before anything else.
 */

import { concatBytes } from "@noble/hashes/utils.js";

import { fromBase64 } from "../belenios/bytes.ts";
import { LyingService } from "./checks.ts";
import { type DeviceKeys, deviceKeysOf, toBase64Url } from "./keys.ts";

const FORM = /^(?<electionUuid>[1-9A-HJ-NP-Za-km-z]{14,64})\.(?<challengeId>[0-9a-f]{32})\.(?<keys>[A-Za-z0-9_-]{86})$/;

export interface PhoneState {
  readonly electionUuid: string;
  readonly challengeId: string;
  readonly keys: DeviceKeys;
}

export function writePhoneState({ electionUuid, challengeId, keys }: PhoneState): string {
  return `${electionUuid}.${challengeId}.${toBase64Url(concatBytes(keys.signing, keys.sealing))}`;
}

/** The inverse of {@link writePhoneState}. @throws LyingService for what is none. */
export function readPhoneState(text: string): PhoneState {
  const { electionUuid, challengeId, keys } = FORM.exec(text)?.groups ?? {};
  const bytes = keys === undefined ? null : fromBase64(`${keys.replaceAll("-", "+").replaceAll("_", "/")}==`);
  if (electionUuid === undefined || challengeId === undefined || bytes?.length !== 64) {
    throw new LyingService("what came back from the app is no state of ours");
  }
  return { electionUuid, challengeId, keys: deviceKeysOf(bytes.slice(0, 32), bytes.slice(32)) };
}
