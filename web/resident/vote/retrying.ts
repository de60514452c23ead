/** Asking a service again while nobody can answer; refusals end it. */

import { NoAnswer, slugOf } from "@tsukuba-evote/shared/api";
import * as v from "valibot";

import { waitOf } from "./ballot_service.ts";

/** Nobody answered for now: a proxy's page, a 503, a failure in the middle. Worth trying again after `waitS` seconds. */
export class ServiceUnavailable extends Error {
  override readonly name = "ServiceUnavailable";
  readonly waitS: number;

  constructor(response: Response) {
    super(`no answer but ${response.status}`);
    this.waitS = waitOf(response);
  }
}

/** A service said no, and why. */
export class Refused extends Error {
  override readonly name = "Refused";
  /** The problem's kind, by which the words are chosen. */
  readonly slug: string;
  /** For an officer, where a person has to decide. */
  readonly receptionNumber: string | null;
  readonly attemptsLeft: number | null;
  readonly reason: string | null;
  /** Seconds, where waiting helps. */
  readonly waitS: number | null;

  constructor(slug: string, problem: unknown, response: Response) {
    super(slug);
    this.slug = slug;
    const facts = v.safeParse(Facts, problem);
    this.receptionNumber = facts.success ? (facts.output.reception_number ?? null) : null;
    this.attemptsLeft = facts.success ? (facts.output.attempts_left ?? null) : null;
    this.reason = facts.success ? (facts.output.reason ?? null) : null;
    this.waitS = response.headers.has("Retry-After") ? waitOf(response) : null;
  }
}

const Facts = v.object({
  reception_number: v.optional(v.string()),
  attempts_left: v.optional(v.number()),
  reason: v.optional(v.string()),
});

/** An answer of `openapi-fetch`. */
export interface Answer<Data> {
  readonly data?: Data;
  readonly error?: unknown;
  readonly response: Response;
}

/** Waits so many seconds; rejects when the page is left. */
export type Wait = (seconds: number) => Promise<void>;

const LOST_WAIT_S = 3;
const MOST_ATTEMPTS = 40;

/**
 * What a request brings, repeated over lost connections and services that can't answer now. The request must be one that may be
 * repeated.
 *
 * @param waiting told before each wait, so that the voter knows why nothing happens.
 * @throws Refused
 */
export async function persist<Data>(
  request: () => Promise<Answer<Data>>,
  wait: Wait,
  waiting: (seconds: number) => void = () => {},
): Promise<Data> {
  for (let attempt = 1; ; attempt += 1) {
    let seconds = LOST_WAIT_S;
    try {
      const answer = await request();
      if (answer.data !== undefined) {
        return answer.data;
      }
      const slug = slugOf(answer.error);
      // Too many requests of one address are the doing of others behind it as well.
      if (slug !== null && slug !== "rate-limited" && answer.response.status < 500) {
        throw new Refused(slug, answer.error, answer.response);
      }
      seconds = waitOf(answer.response);
      if (attempt === MOST_ATTEMPTS) {
        throw new ServiceUnavailable(answer.response);
      }
    } catch (error) {
      if (!(error instanceof NoAnswer) || attempt === MOST_ATTEMPTS) {
        throw error;
      }
    }
    waiting(seconds);
    await wait(seconds);
  }
}
