/** What the wall asks, each under a name: its own server passes these on, and nothing else (`edge/reads.mjs`). */

import { Away } from "@tsukuba-evote/shared/read";
import * as v from "valibot";

import { type Announcements, heard, NOTHING_SAID, SignedText, type Speakers } from "./announcements.ts";

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Milliseconds since 1970. */
const Instant = v.pipe(
  v.string(),
  v.transform((text) => Date.parse(text)),
  v.finite(),
);

/** A series of an instant query (Prometheus' HTTP API). */
const Series = v.pipe(
  v.object({ metric: v.record(v.string(), v.string()), value: v.tuple([v.number(), v.string()]) }),
  v.transform(({ metric, value }) => ({ labels: metric, value: Number(value[1]) })),
);
const Vector = v.pipe(
  v.object({ status: v.literal("success"), data: v.object({ resultType: v.literal("vector"), result: v.array(Series) }) }),
  v.transform(({ data }) => data.result),
);

/** Of each answer what is shown of it. */
export const ANSWERS = {
  election: v.object({ name: v.string(), opens_at: Instant, closes_at: Instant, opened_at: v.nullable(Instant), closed_at: v.nullable(Instant) }),
  turnout: v.object({ accepted: Count, logged: Count, voters: Count, roll_size: Count, as_of: Instant }),
  hours: v.object({ items: v.array(v.object({ until: Instant, voters: Count })), as_of: Instant }),
  coverage: v.object({
    size: Count,
    witnessed_size: Count,
    chains: v.array(v.object({ chain: v.string(), ledger: v.string(), verified_size: Count })),
  }),
  notices: v.object({ items: v.array(v.object({ finding: v.string(), kind: v.string(), raised_at: Instant })) }),
  announcements: SignedText,
  alerts: Vector,
  "judged-at": Vector,
  "scraped-at": Vector,
  "logged-within": Vector,
  "unlogged-for": Vector,
  "witnesses-asked": Vector,
  "anchoring-waits": Vector,
  "receipt-within": Vector,
  "ballots-waiting": Vector,
  "releases-waiting": Vector,
  "pictures-waiting": Vector,
  "face-waits": Vector,
} as const;

export type Name = keyof typeof ANSWERS;
export const NAMES = Object.keys(ANSWERS) as readonly Name[];
/** Of what staff say only what an officer signed is kept. */
export type Answer<Of extends Name> = Of extends "announcements" ? Announcements : v.InferOutput<(typeof ANSWERS)[Of]>;

/** The newest answer of each name, and when it came: milliseconds since 1970, by the server's clock. */
export type Reads = { readonly [Of in Name]?: { readonly data: Answer<Of>; readonly came: number } };

export interface Round {
  readonly reads: Reads;
  /** By how many milliseconds the server's clock is before this machine's: a wall with a wrong clock would count down to another moment. */
  readonly ahead: number;
}

export const NOTHING_READ: Round = { reads: {}, ahead: 0 };
const WITHIN_MS = 8_000;

/** Asks everything once. What gets no answer stays as it was, and grows old. */
export async function readAll(before: Round, speakers: Speakers, fetch: typeof globalThis.fetch, clock: () => number): Promise<Round> {
  const spoken = before.reads.announcements?.data ?? NOTHING_SAID;
  const hear = (answer: unknown, date: number) =>
    heard(v.parse(SignedText, answer), spoken, speakers, Number.isNaN(date) ? clock() + before.ahead : date);
  const answers = await Promise.all(NAMES.map((name) => ask(name, fetch, hear).catch(nothing)));
  const told = answers.flatMap((answer) => (answer === null || Number.isNaN(answer.date) ? [] : [answer.date]));
  const ahead = told.length === 0 ? before.ahead : Math.max(...told) - clock();
  const came = clock() + ahead;
  const read = NAMES.flatMap((name, at) => {
    const answer = answers[at]!;
    return answer === null ? [] : [[name, { data: answer.data, came }] as const];
  });
  // A second is the header's own grain: what differs by less is no difference.
  return { reads: { ...before.reads, ...Object.fromEntries(read) }, ahead: Math.abs(ahead - before.ahead) < 2_000 ? before.ahead : ahead };
}

async function ask(
  name: Name,
  fetch: typeof globalThis.fetch,
  hear: (answer: unknown, date: number) => Announcements,
): Promise<{ readonly data: unknown; readonly date: number }> {
  const response = await fetch(`/read/${name}`, { cache: "no-store", signal: AbortSignal.timeout(WITHIN_MS) });
  if (!response.ok) {
    throw new Away();
  }
  const answer: unknown = await response.json();
  const date = Date.parse(response.headers.get("date") ?? "");
  return { data: name === "announcements" ? hear(answer, date) : v.parse(ANSWERS[name], answer), date };
}

/** A lost connection, a proxy's page, an answer of another shape: all the same to who looks at the wall, it doesn't get newer. */
function nothing(): null {
  return null;
}
