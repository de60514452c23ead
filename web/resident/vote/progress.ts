/** How far a ballot that has its receipt is recorded. Asked by its tracker alone, more and more seldom. */

import { NoAnswer, type Services } from "@tsukuba-evote/shared/api";

import type { Wait } from "./retrying.ts";

export const STAGES = ["accepted", "logged", "witnessed", "anchored"] as const;
export type Stage = (typeof STAGES)[number];

/** The stage that is reached, or that nobody can say now. */
export type Progress = Stage | "unknown";

const FIRST_PAUSE_S = 2;
const LONGEST_PAUSE_S = 60;

/** Tells each change until the last stage is reached; rejects when the page is left. */
export async function followProgress(
  services: Services,
  electionUuid: string,
  tracker: string,
  wait: Wait,
  signal: AbortSignal,
  tell: (progress: Progress) => void,
): Promise<void> {
  let pauseS = FIRST_PAUSE_S;
  for (;;) {
    const progress = await ask(services, electionUuid, tracker, signal);
    tell(progress);
    if (progress === "anchored") {
      return;
    }
    await wait(pauseS);
    pauseS = Math.min(pauseS * 1.5, LONGEST_PAUSE_S);
  }
}

async function ask(services: Services, electionUuid: string, tracker: string, signal: AbortSignal): Promise<Progress> {
  try {
    const { data } = await services.ballot.GET("/elections/{election_uuid}/status/{tracker}", {
      params: { path: { election_uuid: electionUuid, tracker } },
      signal,
    });
    return data?.state ?? "unknown";
  } catch (error) {
    if (error instanceof NoAnswer) {
      return "unknown";
    }
    throw error;
  }
}
