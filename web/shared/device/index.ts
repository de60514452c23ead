/**
 * What a voter's device does when it asks auth for something: fresh keys, checks, a signed request, opening the answer
 * (`libs/device`, `docs/adr/0025-releases-bound-to-a-device.md`).
 *
 * By card: {@link newDeviceKeys}, ask for a challenge with `text`, {@link checkChallenge} before the card is asked for anything,
 * {@link signRequest} over the card's answers, {@link unseal} what auth answers. By face: {@link sealTypedCode}, {@link checkOrder} before
 * a face is shown to anybody, {@link signRequest} over the verdict. By phone: as by card up to {@link checkChallenge}, then {@link writePhoneState};
 * where the app comes back to, {@link readPhoneState} and {@link signRequest} over the code. Keys are for one occasion and are forgotten after it.
 */

export { type Challenge, checkChallenge, checkOrder, LyingService } from "./checks.ts";
export { type DeviceKeys, newDeviceKeys } from "./keys.ts";
export { type PhoneState, readPhoneState, writePhoneState } from "./phone_state.ts";
export { type RequestKind, signRequest } from "./requests.ts";
export { type Contents, SealBroken, sealTypedCode, unseal } from "./sealing.ts";
