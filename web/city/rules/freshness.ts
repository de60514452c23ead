/** Whether what is shown is still true: by its own time, not by when the page asked. */

import type { Name, Reads } from "../read/reads.ts";

/** Prometheus reads and judges once a minute at most; turnout is told to the minute and counted once a minute. */
export const OLD_AFTER_S = 180;

export function isOld(at: number | null, now: number): boolean {
  return at === null || now - at > OLD_AFTER_S * 1000;
}

/** When the rules were judged last; `null`: never, or without the alert that always fires. */
export function judgedAt(reads: Reads): number | null {
  return seconds(reads["judged-at"]?.data[0]?.value);
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

function seconds(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value * 1000;
}
