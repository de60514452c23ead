/**
 * Casting: the same bytes are posted until there is a receipt or a refusal for good, one request at a time.
 *
 * The service gives the same text the same receipt, whatever became of the answers before; so there is one ballot and one receipt
 * however often the connection is lost, and the voter is told "cast" by nothing but a receipt that verifies.
 */

import type { OrderStatement } from "@tsukuba-evote/shared/belenios";
import type { Receipt } from "@tsukuba-evote/shared/check";
import { LyingService } from "@tsukuba-evote/shared/device";

import type { Outcome } from "./ballot_service.ts";
import type { CastStart, Delay, Event, Posting } from "./machine.ts";

/** What casting needs of the world. */
export interface CastingDesk {
  /** One attempt. */
  readonly post: (body: string) => Promise<Outcome>;
  /** Keeps for a reload what is being posted. Called before its first attempt. */
  readonly keep: (posting: Posting) => void;
  /** Signs that the ballot is the voter's `number`th. */
  readonly sign: (credential: string, tracker: string, number: number) => Promise<OrderStatement>;
  /**
   * The number of the voter's ballot of this tracker, once the public log has been seen to hold it under the voter's signature.
   *
   * @throws LyingService
   */
  readonly findInLog: (credential: string, tracker: string) => Promise<number>;
  /** @throws CheckFailed */
  readonly checkReceipt: (receipt: Receipt) => void;
  /** Ends after so many seconds, or when the voter or the network says that it is worth trying. */
  readonly wait: (seconds: number) => Promise<void>;
}

const FIRST_BACKOFF_S = 2;
const LONGEST_BACKOFF_S = 30;
/** Behind a close that is not settled, for a ballot that may have arrived: the longest pause, and all of them together, about. */
const LONGEST_PAUSE_S = 60;
export const ASKED_AFTER_CLOSE_S = 600;
/** Each means that another device of the voter's cast meanwhile. */
const MOST_RENUMBERINGS = 5;

/**
 * Cast one ballot and tell the machine what happens; ends with `received` or `refused`. A ballot that may have arrived before the
 * close is asked for after it, for a while, unless the service says that the close is settled.
 *
 * @throws LyingService, CheckFailed when a service says what can't be true: nothing is known of the ballot then, and the voter has to be told.
 */
export async function cast(start: CastStart, desk: CastingDesk, tell: (event: Event) => void): Promise<void> {
  // A device that knows of no earlier ballot starts at 1.
  let current = start.kind === "fresh" ? await numbered(start, 1, desk) : start;
  let backoffS = FIRST_BACKOFF_S;
  let renumberings = 0;
  // Whether an answer was missed that may have been a receipt. An earlier load of the page may have missed one.
  let mayBeThere = start.kind === "reloaded";
  for (;;) {
    delay({ why: "sending" });
    const outcome = await desk.post(current.body);
    switch (outcome.kind) {
      case "receipt":
        desk.checkReceipt(outcome.receipt);
        tell({ type: "received", receipt: outcome.receipt });
        return;
      case "refused":
        tell({ type: "refused", slug: outcome.slug });
        return;
      case "closed-by-clock":
        if (mayBeThere) {
          delay({ why: "closed" });
          await askAfterTheClose(current, desk, tell);
          return;
        }
        tell({ type: "refused", slug: "election-closed" });
        return;
      case "busy":
        mayBeThere ||= outcome.recorded === "perhaps";
        delay({ why: "busy", waitS: outcome.waitS });
        await desk.wait(outcome.waitS);
        backoffS = FIRST_BACKOFF_S;
        break;
      case "no-answer":
        mayBeThere = true;
        delay({ why: "no-answer" });
        await desk.wait(backoffS);
        backoffS = Math.min(backoffS * 2, LONGEST_BACKOFF_S);
        break;
      case "earlier-ballot": {
        if (outcome.lastTracker === current.tracker) {
          throw new LyingService("the ballot that is not taken stands already");
        }
        // After a reload there is nothing to sign with: who voted on another device meanwhile decides whether to vote again.
        if (start.kind === "reloaded" || renumberings === MOST_RENUMBERINGS) {
          tell({ type: "refused", slug: "older-than-your-last-ballot" });
          return;
        }
        delay({ why: "earlier-ballot" });
        // The number that the service tells is not taken on its word: it could get a ballot signed that it brings after the voter's newest.
        const last = await desk.findInLog(start.credential, outcome.lastTracker);
        current = await numbered(start, last + 1, desk);
        renumberings += 1;
        break;
      }
    }
  }

  function delay(why: Delay): void {
    tell({ type: "delayed", delay: why });
  }
}

/**
 * Ask for the receipt of a ballot that may have arrived before the close. A replica of the release before that hasn't read the ballot's
 * record yet refuses it as it refuses any other after the close; so only a receipt is an answer, or that the close is settled, and all
 * else is asked again.
 */
async function askAfterTheClose(posting: Posting, desk: CastingDesk, tell: (event: Event) => void): Promise<void> {
  let [pauseS, askedForS] = [FIRST_BACKOFF_S, 0];
  while (askedForS < ASKED_AFTER_CLOSE_S) {
    await desk.wait(pauseS);
    askedForS += pauseS;
    pauseS = Math.min(pauseS * 2, LONGEST_PAUSE_S);
    const outcome = await desk.post(posting.body);
    if (outcome.kind === "receipt") {
      desk.checkReceipt(outcome.receipt);
      tell({ type: "received", receipt: outcome.receipt });
      return;
    }
    if (outcome.kind === "refused" && outcome.slug === "election-closed") {
      tell({ type: "refused", slug: outcome.slug });
      return;
    }
  }
  tell({ type: "refused", slug: "no-answer-by-the-close" });
}

/** What is posted for a ballot under this number; kept for a reload before anything of it is sent. */
async function numbered(
  { text, tracker, credential }: Extract<CastStart, { kind: "fresh" }>,
  number: number,
  desk: CastingDesk,
): Promise<Posting> {
  const order = await desk.sign(credential, tracker, number);
  const posting = { tracker, body: JSON.stringify({ ballot: text, order }) };
  desk.keep(posting);
  return posting;
}
