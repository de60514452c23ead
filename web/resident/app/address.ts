/**
 * What the page's address says. `?election=` names the election and is no secret. The fragment may hold one: the card agent's
 * pairing, or the voting code of a post card's QR code. No browser sends a fragment; this one is erased at once, from the address bar
 * and from the history, before anything else runs.
 */

import { parsePairing, type Pairing } from "../ways/agent.ts";

export interface Arrival {
  readonly electionUuid: string | null;
  readonly pairing: Pairing | null;
  /** As it stands in the QR code; not looked at yet. */
  readonly votingCode: string | null;
}

/** What of a window this needs. */
export interface Addressed {
  readonly location: { readonly href: string };
  readonly history: { readonly state: unknown; replaceState(state: unknown, unused: string, url: string): void };
}

const UUID = /^[1-9A-HJ-NP-Za-km-z]{14,64}$/;

/** Reads the address and erases the fragment. */
export function arrive(window: Addressed): Arrival {
  const url = new URL(window.location.href);
  const said = new URLSearchParams(url.hash.slice(1));
  if (url.hash !== "") {
    url.hash = "";
    window.history.replaceState(window.history.state, "", url.href);
  }
  const uuid = url.searchParams.get("election");
  return {
    electionUuid: uuid !== null && UUID.test(uuid) ? uuid : null,
    pairing: parsePairing(said.get("card-agent")),
    votingCode: said.get("code"),
  };
}
