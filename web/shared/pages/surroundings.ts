/** What every page has around it: the language, and the city's words. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Language } from "../words/index.ts";

export interface Around {
  readonly language: Language;
  readonly setLanguage: (language: Language) => void;
  /** Where a voter gets help, in the city's own words. */
  readonly helpdesk: string;
}

export const AroundContext = createContext<Around>({ language: "ja", setLanguage: () => {}, helpdesk: "" });

export function useAround(): Around {
  return useContext(AroundContext);
}

/** An instant as residents read it: the time of Japan, whatever the device is set to. */
export function timeOf(instant: string, language: Language): string {
  const locale = language === "en" ? "en-GB" : "ja-JP";
  const format = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short", timeZone: "Asia/Tokyo" });
  return format.format(new Date(instant));
}
