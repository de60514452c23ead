/** Whether what is shown is still true: by its own time, not by when the page asked. */

import type { Name, Reads } from "../read/reads.ts";
import type { Way } from "./effects.ts";

/** Prometheus reads and judges once a minute at most; turnout is told to the minute and counted once a minute. */
export const OLD_AFTER_S = 180;

export function isOld(at: number | null, now: number): boolean {
  return at === null || now - at > OLD_AFTER_S * 1000;
}

/** When the rules were judged last, and told of; `null`: never, or without the alert that always fires. */
function judgedAt(reads: Reads): number | null {
  // Two questions: what was judged a moment ago is no news of alerts that nobody has told of since.
  return oldest(seconds(reads["judged-at"]?.data[0]?.value), cameAt(reads, "alerts"));
}

/** When Prometheus read a service last. */
export function scrapedAt(reads: Reads, service: string): number | null {
  return seconds(reads["scraped-at"]?.data.find(({ labels }) => labels["service"] === service)?.value);
}

/** When an answer that carries no time of its own came. */
export function cameAt(reads: Reads, ...names: readonly Name[]): number | null {
  return oldest(...names.map((name) => reads[name]?.came ?? null));
}

/** The oldest of what a panel shows; `null` when a part was never read. */
export function oldest(...times: readonly (number | null)[]): number | null {
  return times.includes(null) ? null : Math.min(...(times as readonly number[]));
}

/** Of when the oldest part of each panel is, which it says itself and the screen's head repeats. */
export function stepsAt(reads: Reads): number | null {
  const told = cameAt(reads, "coverage", "logged-within", "unlogged-for", "witnesses-asked", "anchoring-waits");
  return oldest(reads.turnout?.data.as_of ?? null, told, judgedAt(reads), scrapedAt(reads, "ledger-anchor"));
}

export function waysAt(reads: Reads): number | null {
  return oldest(judgedAt(reads), cameAt(reads, "releases-waiting"));
}

export function queuesAt(reads: Reads, ways: readonly Way[]): number | null {
  const faces: readonly Name[] = ways.includes("face") ? ["pictures-waiting", "face-waits"] : [];
  return oldest(scrapedAt(reads, "ballot"), cameAt(reads, "ballots-waiting", "receipt-within", ...faces));
}

export function alarmsAt(reads: Reads): number | null {
  return oldest(judgedAt(reads), cameAt(reads, "notices"));
}

function seconds(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value * 1000;
}
