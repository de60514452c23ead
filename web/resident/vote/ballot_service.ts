/** Posting a ballot, and what its answer means to a voter. */

import type { Services } from "@tsukuba-evote/shared/api";
import { slugOf } from "@tsukuba-evote/shared/api";
import type { Receipt } from "@tsukuba-evote/shared/check";
import * as v from "valibot";


/** What came of one attempt. */
export type Outcome =
  | { readonly kind: "receipt"; readonly receipt: Receipt }
  /** Nothing came, or nothing of the service's: it may have the ballot. */
  | { readonly kind: "no-answer" }
  /** `recorded`: whether this attempt may have put the ballot into the log all the same. */
  | { readonly kind: "busy"; readonly waitS: number; readonly recorded: "perhaps" | "no" }
  /** Another ballot of the voter's stands, with this number or a larger one. */
  | { readonly kind: "earlier-ballot"; readonly lastNumber: number; readonly lastTracker: string }
  /** Voting has closed, by the clock of a replica of the release before: an attempt before this one may be in the log all the same. */
  | { readonly kind: "closed-by-clock" }
  /** For good: what is said of this ballot is a fact. */
  | { readonly kind: "refused"; readonly slug: string };

/** The service gives up after 15 seconds; whoever has waited longer waits for nothing. */
const PATIENCE_MS = 20_000;
/** Kinds of refusals by which this attempt recorded nothing (`docs/openapi/ballot.json`); an earlier one may have. */
const BEFORE_RECORDING: ReadonlySet<string | null> = new Set(["close-pending", "overloaded", "rate-limited"]);
const DEFAULT_WAIT_S = 5;
const LONGEST_WAIT_S = 120;

const OlderThanLast = v.object({
  last_number: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  last_tracker: v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{43}$/)),
});
/** Only of a close that is a fact of the log (`docs/adr/0054-closed-is-a-fact.md`). */
const Settled = v.object({ settled: v.literal(true) });
const ReceiptBody = v.object({
  election_uuid: v.string(),
  tracker: v.string(),
  position: v.object({ partition: v.number(), offset: v.number() }),
  accepted_at: v.string(),
  signature: v.string(),
});

/** Post exactly these bytes, once. */
export async function post(services: Services, electionUuid: string, body: string, signal: AbortSignal): Promise<Outcome> {
  // Not `AbortSignal.any`, which phones of 2023 don't have.
  const attempt = new AbortController();
  const giveUp = () => {
    attempt.abort();
  };
  const timer = setTimeout(giveUp, PATIENCE_MS);
  signal.addEventListener("abort", giveUp, { once: true });
  const sent = services.ballot.POST("/elections/{election_uuid}/ballots", {
    params: { path: { election_uuid: electionUuid } },
    // The text itself goes out: parsed and written again it would be other bytes.
    body: body as never,
    bodySerializer: (text: unknown) => text as string,
    headers: { "Content-Type": "application/json" },
    signal: attempt.signal,
  });
  let answer: Awaited<typeof sent>;
  try {
    answer = await sent;
  } catch {
    // Lost on the way, cut off, timed out, or not JSON: the same to a voter.
    return { kind: "no-answer" };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
  const { data, error, response } = answer;
  if (response.ok) {
    const receipt = v.safeParse(ReceiptBody, data);
    return receipt.success ? { kind: "receipt", receipt: receipt.output } : { kind: "no-answer" };
  }
  return refusal(error, response);
}

function refusal(problem: unknown, response: Response): Outcome {
  const slug = slugOf(problem);
  if (response.status === 503 || response.status === 429) {
    return { kind: "busy", waitS: waitOf(response), recorded: BEFORE_RECORDING.has(slug) ? "no" : "perhaps" };
  }
  // A proxy's own page, or a service that failed in the middle: nobody knows whether the ballot was recorded.
  if (slug === null || response.status >= 500 || response.status === 408) {
    return { kind: "no-answer" };
  }
  const older = v.safeParse(OlderThanLast, problem);
  if (slug === "older-than-your-last-ballot" && older.success) {
    return { kind: "earlier-ballot", lastNumber: older.output.last_number, lastTracker: older.output.last_tracker };
  }
  return slug === "election-closed" && !v.is(Settled, problem) ? { kind: "closed-by-clock" } : { kind: "refused", slug };
}

/** `Retry-After` in seconds (RFC 9110, section 10.2.3); the services send no dates. */
export function waitOf(response: Response): number {
  const said = response.headers.get("Retry-After");
  const seconds = said !== null && /^[0-9]{1,6}$/.test(said) ? Number(said) : DEFAULT_WAIT_S;
  return Math.min(Math.max(seconds, 1), LONGEST_WAIT_S);
}
