/**
 * What the device looks at before a card signs or a face is shown. Whoever ends TLS could have asked for a challenge or an
 * order for a key of its own: what a card signed for that would release the voter's credential to it.
 */

import * as v from "valibot";

import type { DeviceKeys } from "./keys.ts";

const DEVICE_KEY = "(?<deviceKey>ed25519-x25519:[A-Za-z0-9_-]{86})\\n";
const UUID = "(?<electionUuid>[1-9A-HJ-NP-Za-km-z]{14,64})\\n";
const NUMBER = "(?<challengeId>[0-9a-f]{32})\\n";
const CHALLENGE = new RegExp(`^tsukuba-evote challenge v2\\n${UUID}${NUMBER}(?<nonce>[0-9a-f]{64})\\n${DEVICE_KEY}$`);
const STATEMENT = new RegExp(
  "^投票資格情報の受け取り\\n" +
    "選挙: (?<electionName>[^\\n]+)\\n" +
    `選挙番号: ${UUID}` +
    `受付番号: ${NUMBER}` +
    `受け取る端末の鍵: ${DEVICE_KEY}私は、この選挙で投票するための資格情報を、この端末で受け取ります。\\n$`,
);

const FaceOrder = v.pipe(v.string(), v.parseJson(), v.object({ device_key: v.string(), election_uuid: v.string() }));

/** A service says something that the voter's device finds untrue: nothing more is sent to it. */
export class LyingService extends Error {
  override readonly name = "LyingService";
}

/** auth's answer to the question for a challenge. */
export interface Challenge {
  readonly challenge_id: string;
  readonly challenge: string;
  readonly release_statement: string;
}

/**
 * Before the card is asked for anything: both texts are of their exact forms, of this election, and name this device's key.
 *
 * @throws LyingService
 */
export function checkChallenge(challenge: Challenge, keys: DeviceKeys, electionUuid: string): void {
  for (const said of [CHALLENGE.exec(challenge.challenge), STATEMENT.exec(challenge.release_statement)]) {
    if (said?.groups === undefined) {
      throw new LyingService("what the card is to sign is no challenge");
    }
    const { deviceKey, electionUuid: uuid, challengeId } = said.groups;
    if (deviceKey !== keys.text || uuid !== electionUuid || challengeId !== challenge.challenge_id) {
      throw new LyingService("the challenge is not for this device");
    }
  }
}

/** Before a face is shown to anybody: the order names this device's key. @throws LyingService */
export function checkOrder(order: string, keys: DeviceKeys, electionUuid: string): void {
  const said = v.safeParse(FaceOrder, order);
  if (!said.success || said.output.device_key !== keys.text || said.output.election_uuid !== electionUuid) {
    throw new LyingService("the order is not for this device");
  }
}
