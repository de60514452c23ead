/** What every panel has around it: the language, the answers, and the time by the server's clock. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Config } from "../app/config.ts";
import type { Reads } from "../read/reads.ts";
import type { Held } from "../rules/alarms.ts";
import type { Effect } from "../rules/effects.ts";
import { CATALOGUES, type Language, type Words } from "../words/index.ts";

export interface Around {
  readonly language: Language;
  readonly config: Config;
  readonly reads: Reads;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly held: readonly Held[];
  /** Of alerts and of what the city's staff say. */
  readonly effects: readonly Effect[];
}

export const AroundContext = createContext<Around | null>(null);

export function useAround(): Around {
  const around = useContext(AroundContext);
  if (around === null) {
    throw new Error("a panel outside its context");
  }
  return around;
}

export function useWords(): Words {
  return CATALOGUES[useAround().language];
}

const JAPAN = { timeZone: "Asia/Tokyo", hourCycle: "h23" } as const;
const CLOCK = new Intl.DateTimeFormat("ja-JP", { ...JAPAN, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const TIME = new Intl.DateTimeFormat("ja-JP", { ...JAPAN, hour: "2-digit", minute: "2-digit" });
const DATED = {
  ja: new Intl.DateTimeFormat("ja-JP", { ...JAPAN, month: "long", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit" }),
  en: new Intl.DateTimeFormat("en-GB", { ...JAPAN, month: "short", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit" }),
};
const DAY = new Intl.DateTimeFormat("ja-JP", { ...JAPAN, month: "numeric", day: "numeric" });

/** `13:05:22`, in Japan. */
export const clockOf = (instant: number): string => CLOCK.format(instant);
/** `13:05`, in Japan. */
export const timeOf = (instant: number): string => TIME.format(instant);
/** `11/28`, in Japan. */
export const dayOf = (instant: number): string => DAY.format(instant);
export const datedOf = (instant: number, language: Language): string => DATED[language].format(instant);
export const grouped = (count: number): string => Math.round(count).toLocaleString("en");

/** How long, as it is said: tenths below ten seconds, then whole ones. */
export function lastingOf(seconds: number, words: Words): string {
  if (seconds >= 60) {
    return words.minutes(Math.floor(seconds / 60), Math.floor(seconds % 60));
  }
  return words.seconds(seconds < 10 ? Math.max(0.1, seconds).toFixed(1) : seconds.toFixed(0));
}
