/** The way in by card: a challenge for this device, signed by the card through the agent, for the credential sealed to this device. */

import type { Services } from "@tsukuba-evote/shared/api";
import type { Random } from "@tsukuba-evote/shared/belenios";
import { checkChallenge, LyingService, newDeviceKeys, signRequest, unseal } from "@tsukuba-evote/shared/device";

import { persist, type Wait } from "../vote/retrying.ts";
import type { CardAgent } from "./agent.ts";

/** What the voter sees meanwhile. */
export type CardProgress =
  | { readonly step: "asking" }
  /** Compare the number with the agent's, then type both PINs there. */
  | { readonly step: "agent-asks"; readonly number: string }
  | { readonly step: "releasing" }
  | { readonly step: "waiting"; readonly seconds: number };

export interface CardWay {
  readonly services: Services;
  readonly electionUuid: string;
  readonly agent: Pick<CardAgent, "sign">;
  readonly random: Random;
  readonly wait: Wait;
  readonly tell: (progress: CardProgress) => void;
  readonly signal: AbortSignal;
}

/**
 * The private credential.
 *
 * @throws AgentRefused, Refused, LyingService, SealBroken
 */
export async function releaseByCard(way: CardWay): Promise<string> {
  const { services, electionUuid, agent, random, wait, tell, signal } = way;
  const keys = newDeviceKeys(random);
  const params = { path: { election_uuid: electionUuid } };
  const waiting = (seconds: number) => {
    tell({ step: "waiting", seconds });
  };
  tell({ step: "asking" });
  const challenge = await persist(
    () =>
      services.auth.POST("/elections/{election_uuid}/challenges", { params, body: { device_key: keys.text }, signal }),
    wait,
    waiting,
  );
  // Before the card is asked for anything: what it signed for another device would release the credential to that one.
  checkChallenge(challenge, keys, electionUuid);
  tell({ step: "agent-asks", number: challenge.challenge_id });
  const answers = await agent.sign(challenge.challenge, challenge.release_statement, signal);
  if (answers.challenge_id !== challenge.challenge_id) {
    throw new LyingService("the agent signed another challenge");
  }
  const { challenge_id, ...proof } = answers;
  const body = {
    ...answers,
    device_request: signRequest("tsukuba-evote release request v1", keys, electionUuid, challenge_id, proof),
  };
  tell({ step: "releasing" });
  // The same request may be sent again while the challenge lasts: auth seals the credential anew.
  const released = await persist(
    () => services.auth.POST("/elections/{election_uuid}/releases", { params, body, signal }),
    wait,
    waiting,
  );
  return unseal("tsukuba-evote sealed credential v1", released.sealed_credential, keys, electionUuid, challenge_id);
}
