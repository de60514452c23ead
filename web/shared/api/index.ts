/**
 * Clients of the services, typed by their OpenAPI documents (`make` generates the types; nobody edits them).
 *
 * No cookie, no referrer: what one service is told, another must not be able to recognise.
 */

import createClient, { type Client } from "openapi-fetch";
import * as v from "valibot";

import type { paths as AuthPaths } from "./generated/auth.d.ts";
import type { paths as BallotPaths } from "./generated/ballot.d.ts";
import type { paths as BiometricPaths } from "./generated/biometric.d.ts";
import type { paths as LogPaths } from "./generated/ledger-anchor.d.ts";
import type { paths as TallyPaths } from "./generated/tally.d.ts";

/** Where the services are: origins without a path, from the city's configuration of the front. */
export interface ServiceUrls {
  readonly auth: string;
  readonly ballot: string;
  /** Missing where no face is compared. */
  readonly biometric?: string | undefined;
  readonly log: string;
  readonly tally: string;
}

export interface Services {
  readonly auth: Client<AuthPaths>;
  readonly ballot: Client<BallotPaths>;
  /** `null` where no face is compared. */
  readonly biometric: Client<BiometricPaths> | null;
  /** ledger-anchor */
  readonly log: Client<LogPaths>;
  readonly tally: Client<TallyPaths>;
}

/** The services that anybody may read. The public pages know no other: nobody identifies there. */
export type PublicUrls = Pick<ServiceUrls, "ballot" | "log" | "tally">;
export type PublicServices = Pick<Services, "ballot" | "log" | "tally">;

/** The connection was lost, or none came about: whether the request arrived, nobody knows. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

type Fetch = (request: Request) => Promise<Response>;

/**
 * @param fetch the browser's own, but in tests.
 *
 * Requests throw `NoAnswer`.
 */
export function connectPublic(urls: PublicUrls, fetch: Fetch): PublicServices {
  const options = { credentials: "omit", referrerPolicy: "no-referrer", fetch: whole(fetch) } as const;
  return {
    ballot: createClient<BallotPaths>({ ...options, baseUrl: urls.ballot }),
    log: createClient<LogPaths>({ ...options, baseUrl: urls.log }),
    tally: createClient<TallyPaths>({ ...options, baseUrl: urls.tally }),
  };
}

/**
 * @param fetch the browser's own, but in tests.
 *
 * Requests throw `NoAnswer`.
 */
export function connect(urls: ServiceUrls, fetch: Fetch): Services {
  const options = { credentials: "omit", referrerPolicy: "no-referrer", fetch: whole(fetch) } as const;
  return {
    ...connectPublic(urls, fetch),
    auth: createClient<AuthPaths>({ ...options, baseUrl: urls.auth }),
    biometric: urls.biometric === undefined ? null : createClient<BiometricPaths>({ ...options, baseUrl: urls.biometric }),
  };
}

const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** An answer has come when all of it has: then a `TypeError` behind this line is a fault of the page, and never the network's. */
function whole(fetch: Fetch): Fetch {
  return async (request) => {
    let answer: Response;
    let body: ArrayBuffer;
    try {
      answer = await fetch(request);
      body = await answer.arrayBuffer();
    } catch (error) {
      // What fetch throws for a lost connection. An aborted one is the page's own wish, and of another kind.
      throw error instanceof TypeError ? new NoAnswer(error.message) : error;
    }
    const { status, statusText, headers } = answer;
    return new Response(WITHOUT_BODY.has(status) ? null : body, { status, statusText, headers });
  };
}

const Problem = v.object({ type: v.pipe(v.string(), v.regex(/^urn:tsukuba-evote:problem:[a-z0-9-]+$/)) });

/** The slug of a problem document, by which pages choose their words; `null` for what is none (a proxy's page, say). */
export function slugOf(problem: unknown): string | null {
  const read = v.safeParse(Problem, problem);
  return read.success ? read.output.type.slice("urn:tsukuba-evote:problem:".length) : null;
}
