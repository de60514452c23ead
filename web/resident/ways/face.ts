/** The way in by voting code and face: auth's order, biometric's verdict on a burst of pictures, auth's release for the verdict. */

import { type Services, slugOf } from "@tsukuba-evote/shared/api";
import type { Random } from "@tsukuba-evote/shared/belenios";
import { checkOrder, type DeviceKeys, LyingService, newDeviceKeys, sealTypedCode, signRequest, unseal } from "@tsukuba-evote/shared/device";
import * as v from "valibot";

import { persist, Refused, type Wait } from "../vote/retrying.ts";
import type { Burst } from "./burst.ts";

/** What biometric may ask for (`evote_biometric/domain/actions.py`). */
export const ACTIONS = ["turn-left", "turn-right", "look-up", "blink"] as const;
export type Action = (typeof ACTIONS)[number];

/** A face may be shown for this order, by this device, until it has led to a verdict or its attempts are used up. */
export interface Order {
  readonly keys: DeviceKeys;
  readonly order: string;
  readonly id: string;
}

/** What has to be done before the camera. */
export interface Verification {
  readonly id: string;
  readonly nonce: string;
  readonly actions: readonly Action[];
  readonly attemptsLeft: number;
}

export interface FaceWay {
  readonly services: Services;
  readonly electionUuid: string;
  /** auth's, from the city. */
  readonly codeKey: Uint8Array;
  readonly random: Random;
  readonly wait: Wait;
  readonly signal: AbortSignal;
}

const OrderId = v.pipe(v.string(), v.parseJson(), v.object({ order_id: v.string() }));
const Actions = v.array(v.picklist(ACTIONS));

/** An order for a voting code. @throws Refused, LyingService */
export async function orderByCode(code: string, way: FaceWay): Promise<Order> {
  const { services, electionUuid, codeKey, random, wait, signal } = way;
  const keys = newDeviceKeys(random);
  const body = {
    sealed_voting_code: await sealTypedCode(code, codeKey, electionUuid, keys.text, random),
    device_key: keys.text,
  };
  const { order } = await persist(
    () =>
      services.auth.POST("/elections/{election_uuid}/face-orders", {
        params: { path: { election_uuid: electionUuid } },
        body,
        signal,
      }),
    wait,
  );
  // Before a face is shown to anybody.
  checkOrder(order, keys, electionUuid);
  const said = v.safeParse(OrderId, order);
  if (!said.success) {
    throw new LyingService("the order has no number");
  }
  return { keys, order, id: said.output.order_id };
}

/** Takes one of the order's attempts. @throws Refused, LyingService */
export async function beginVerification(order: Order, way: FaceWay): Promise<Verification> {
  const { services, signal } = way;
  // An answer that is lost costs the voter one of the three attempts: what is asked of them is told once.
  const begun = await persist(() => services.biometric!.POST("/verifications", { body: { order: order.order }, signal }), way.wait);
  const actions = v.safeParse(Actions, begun.actions);
  if (!actions.success) {
    throw new LyingService("an action that nobody knows");
  }
  return { id: begun.verification_id, nonce: begun.nonce, actions: actions.output, attemptsLeft: begun.attempts_left };
}

/** The private credential for a burst that shows the voter. @throws Refused, LyingService, SealBroken */
export async function releaseByFace(order: Order, verification: Verification, burst: Burst, way: FaceWay): Promise<string> {
  const { services, electionUuid, wait, signal } = way;
  const { verdict } = await persist(async () => {
    const answer = await services.biometric!.POST("/verifications/{verification_id}/frames", {
      params: { path: { verification_id: verification.id } },
      // The form is made by `formOf`: what the document calls binary strings are files.
      body: formOf(verification, burst) as never,
      bodySerializer: (form: unknown) => form as FormData,
      signal,
    });
    // Nobody could look at the pictures. The verification has had its burst all the same, and would be refused for that: the attempt is
    // given back, and new pictures are taken.
    const slug = slugOf(answer.error);
    if (answer.response.status >= 500 && slug !== null) {
      throw new Refused(slug, answer.error, answer.response);
    }
    return answer;
  }, wait);
  const body = {
    verdict,
    device_request: signRequest("tsukuba-evote release request v1", order.keys, electionUuid, order.id, { verdict }),
  };
  const released = await persist(
    () =>
      services.auth.POST("/elections/{election_uuid}/face-releases", {
        params: { path: { election_uuid: electionUuid } },
        body,
        signal,
      }),
    wait,
  );
  return unseal("tsukuba-evote sealed credential v1", released.sealed_credential, order.keys, electionUuid, order.id);
}

function formOf({ nonce }: Verification, burst: Burst): FormData {
  const form = new FormData();
  form.set("nonce", nonce);
  form.set("timestamps", burst.map(({ atMs }) => atMs).join(","));
  for (const { jpeg } of burst) {
    form.append("frames", jpeg, "frame.jpg");
  }
  return form;
}
