/** What the address says: which election, which page. Never a tracker, a receipt or an opening: addresses are kept and sent on. */

import type { Language } from "@tsukuba-evote/shared/words";

/** Pages of an election. */
export const PLACES = ["ballot", "board", "turnout", "result", "status", "intended"] as const;
/** Of all of these pages: it needs no election. */
export const ACCESSIBILITY = "accessibility" as const;
export type Place = (typeof PLACES)[number] | typeof ACCESSIBILITY;

export interface Address {
  /** Null: the page lets choose. */
  readonly electionUuid: string | null;
  readonly place: Place;
}

const UUID = /^[1-9A-HJ-NP-Za-km-z]{14,64}$/;

/** @param query the address behind its question mark. */
export function readAddress(query: URLSearchParams): Address {
  const uuid = query.get("election");
  return {
    electionUuid: uuid !== null && UUID.test(uuid) ? uuid : null,
    place: [...PLACES, ACCESSIBILITY].find((place) => place === query.get("page")) ?? "ballot",
  };
}

/** The address of a page, as a link has it. */
export function linkTo({ electionUuid, place }: Address, language: Language): string {
  const said = new URLSearchParams({ ...(electionUuid === null ? {} : { election: electionUuid }), page: place, lang: language });
  return `?${said}`;
}
