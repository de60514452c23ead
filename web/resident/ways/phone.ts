/**
 * The way in by マイナアプリ: a visit for this device, the voter sent to the app, and the credential for the code that comes back. The app
 * returns into whichever tab or browser the system likes: all that the returning page needs is in `state`, and nothing in this tab.
 */

import type { Services } from "@tsukuba-evote/shared/api";
import type { Random } from "@tsukuba-evote/shared/belenios";
import {
  checkChallenge,
  LyingService,
  newDeviceKeys,
  type PhoneState,
  readPhoneState,
  signRequest,
  unseal,
  writePhoneState,
} from "@tsukuba-evote/shared/device";

import { persist, type Wait } from "../vote/retrying.ts";

/** What came back with the voter. `code`: null where the voter gave up in the app, or the app did. */
export interface PhoneReturn {
  readonly state: PhoneState;
  readonly code: string | null;
}

/** A credential, and the name on the card that signed for it: whoever came back by somebody else's address sees it there. */
export interface ReleasedByPhone {
  readonly credential: string;
  readonly holder: string;
}

/** What the voter sees meanwhile. */
export type PhoneProgress =
  | { readonly step: "asking" }
  | { readonly step: "releasing" }
  | { readonly step: "waiting"; readonly seconds: number };

export interface PhoneWay {
  readonly services: Services;
  readonly wait: Wait;
  readonly tell: (progress: PhoneProgress) => void;
  readonly signal: AbortSignal;
}

/** What a fragment says of a return from the app; `null`: it is none. */
export function parsePhoneReturn(said: URLSearchParams): PhoneReturn | null {
  const written = said.get("state");
  if (written === null) {
    return null;
  }
  try {
    // An error of the provider's (RFC 6749, 4.1.2.1) comes without a code.
    return { state: readPhoneState(written), code: said.get("code") };
  } catch (error) {
    if (error instanceof LyingService) {
      return null; // somebody's link: nothing is known of whom it is for
    }
    throw error;
  }
}

/**
 * The address of the app for a new visit, with everything in it that the returning page will need.
 *
 * @param app the origin of the app's provider, which the page has from the city: auth's word alone sends no voter anywhere.
 * @throws Refused, LyingService
 */
export async function beginByPhone(electionUuid: string, app: string, random: Random, way: PhoneWay): Promise<string> {
  const { services, wait, tell, signal } = way;
  const keys = newDeviceKeys(random);
  tell({ step: "asking" });
  const visit = await persist(
    () =>
      services.auth.POST("/elections/{election_uuid}/phone-visits", {
        params: { path: { election_uuid: electionUuid } },
        body: { device_key: keys.text },
        signal,
      }),
    wait,
    (seconds) => tell({ step: "waiting", seconds }),
  );
  // Before the voter leaves: what the app has signed for another device would release the credential to that one.
  checkChallenge(visit, keys, electionUuid);
  const url = new URL(visit.authorization_url);
  if (url.origin !== app) {
    throw new LyingService("the way to the app leads elsewhere");
  }
  url.searchParams.set("state", writePhoneState({ electionUuid, challengeId: visit.challenge_id, keys }));
  return url.href;
}

/**
 * The private credential, for the voter to say whether it is theirs.
 *
 * @throws Refused, SealBroken
 */
export async function releaseByPhone(
  { electionUuid, challengeId, keys }: PhoneState,
  code: string,
  way: PhoneWay,
): Promise<ReleasedByPhone> {
  const { services, wait, tell, signal } = way;
  const body = {
    challenge_id: challengeId,
    code,
    device_request: signRequest("tsukuba-evote release request v1", keys, electionUuid, challengeId, { code }),
  };
  tell({ step: "releasing" });
  // The same request may be sent again while the visit lasts: auth seals the credential anew.
  const released = await persist(
    () =>
      services.auth.POST("/elections/{election_uuid}/phone-releases", {
        params: { path: { election_uuid: electionUuid } },
        body,
        signal,
      }),
    wait,
    (seconds) => tell({ step: "waiting", seconds }),
  );
  return {
    credential: await unseal("tsukuba-evote sealed credential v1", released.sealed_credential, keys, electionUuid, challengeId),
    holder: await unseal("tsukuba-evote sealed name v1", released.sealed_name, keys, electionUuid, challengeId),
  };
}
