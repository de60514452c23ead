/** The turnout table: time, voters, rate, and the rate of the election before at the same time of the same day. */

import { percent } from "@tsukuba-evote/shared/read";

/** The election before, from the city's configuration. */
export interface Previous {
  readonly name: string;
  /** The first day of voting is 1; the time is Japan's, `HH:MM`; the rate in percent, as the city published it. */
  readonly rates: readonly { readonly day: number; readonly time: string; readonly rate: string }[];
  /** At the close. */
  readonly final: string;
}

export interface Row {
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly voters: number;
  readonly rate: string;
  /** `null`: not known of this time. */
  readonly before: string | null;
}

/** As many as fit on the wall, the newest last. */
export const ROWS = 8;
const DAY_MS = 86_400_000;
const JAPAN_MS = 9 * 3_600_000;

export function tableOf(
  hours: readonly { readonly until: number; readonly voters: number }[],
  rollSize: number,
  opensAt: number,
  previous: Previous | null,
): readonly Row[] {
  return hours.slice(-ROWS).map(({ until, voters }) => {
    const day = dayOf(until) - dayOf(opensAt) + 1;
    const time = new Date(until + JAPAN_MS).toISOString().slice(11, 16);
    const before = previous?.rates.find((row) => row.day === day && row.time === time)?.rate ?? null;
    return { until, voters, rate: percent(voters, rollSize), before };
  });
}

/** Days of Japan since 1970. */
function dayOf(instant: number): number {
  return Math.floor((instant + JAPAN_MS) / DAY_MS);
}
