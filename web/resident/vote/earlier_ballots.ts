/**
 * Another device of the voter's was here, or this one has forgotten: the number of the ballot that stands, believed only once the
 * public log is seen to hold that ballot under the voter's own signature.
 */

import { utf8ToBytes } from "@noble/hashes/utils.js";
import type { Services } from "@tsukuba-evote/shared/api";
import { BeleniosError, type Election, load, verifyOrder, type WrittenProof } from "@tsukuba-evote/shared/belenios";
import type { VerifierKey } from "@tsukuba-evote/shared/check";
import { LyingService } from "@tsukuba-evote/shared/device";
import * as v from "valibot";

import { logHolds } from "./log.ts";
import { persist, type Wait } from "./retrying.ts";

const Record = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ data: v.object({ election_uuid: v.string(), tracker: v.string(), order: v.unknown() }) }),
);
const BETWEEN_LOOKS_S = 1;
const MOST_LOOKS = 120;

export interface Holder {
  readonly services: Services;
  readonly election: Pick<Election, "uuid" | "group">;
  /** The public credential. */
  readonly credential: string;
  readonly prove: (challenge: string) => Promise<WrittenProof>;
  readonly logKey: VerifierKey;
  readonly wait: Wait;
  readonly signal: AbortSignal;
}

/**
 * The number of the voter's ballot of this tracker.
 *
 * @throws LyingService when the ballot is none of the voter's, or the log doesn't get it; CheckFailed when the log's proof doesn't hold.
 */
export async function numberInLog(tracker: string, holder: Holder): Promise<number> {
  const { services, logKey, wait, signal } = holder;
  const record = await ownRecord(tracker, holder);
  const number = numberOf(record, tracker, holder);
  for (let look = 1; look <= MOST_LOOKS; look += 1) {
    if (await logHolds(services, logKey, utf8ToBytes(record), wait, signal)) {
      return number;
    }
    await wait(BETWEEN_LOOKS_S);
  }
  throw new LyingService("the log doesn't get the ballot that stands");
}

/** What the service shows to whoever proves to hold the credential; nothing of it is verified. */
async function ownRecord(tracker: string, holder: Holder): Promise<string> {
  const { services, election, credential, prove, wait, signal } = holder;
  const params = { path: { election_uuid: election.uuid } };
  for (let look = 1; look <= MOST_LOOKS; look += 1) {
    const { challenge } = await persist(
      () => services.ballot.POST("/elections/{election_uuid}/own-ballots/challenges", { params, signal }),
      wait,
    );
    const body = { credential, challenge, signature: await prove(challenge) };
    const told = await persist(
      () => services.ballot.POST("/elections/{election_uuid}/own-ballots", { params, body, signal }),
      wait,
    );
    const record = told.items.find((item) => item.tracker === tracker)?.record ?? null;
    if (record !== null) {
      return record;
    }
    // Another replica took it: this one's tables show it in a moment.
    await wait(BETWEEN_LOOKS_S);
  }
  throw new LyingService("the ballot that stands is none of this credential");
}

function numberOf(record: string, tracker: string, { election, credential }: Holder): number {
  const shown = v.safeParse(Record, record);
  if (!shown.success || shown.output.data.tracker !== tracker || shown.output.data.election_uuid !== election.uuid) {
    throw new LyingService("the service shows another ballot");
  }
  try {
    return verifyOrder(election, load(JSON.stringify(shown.output.data.order)), tracker, credential);
  } catch (error) {
    if (error instanceof BeleniosError) {
      throw new LyingService("the voter did not sign the order of the ballot that stands");
    }
    throw error;
  }
}
