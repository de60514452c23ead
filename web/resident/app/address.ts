/**
 * What the page's address says. `?election=` names the election and is no secret. The fragment may hold one: the card agent's
 * pairing, the voting code of a post card's QR code, or what the phone's app sends back, the device's keys among it. No browser sends a fragment; this one is erased at once, from the address bar
 * and from the history, before anything else runs.
 */

import { parsePhoneReturn, type PhoneReturn } from "../ways/phone.ts";
import { parsePairing, type Pairing } from "../ways/agent.ts";

export interface Arrival {
  readonly electionUuid: string | null;
  readonly pairing: Pairing | null;
  /** As it stands in the QR code; not looked at yet. */
  readonly votingCode: string | null;
  /** What a voter brings back from the phone's app, perhaps into a browser that never saw this page. */
  readonly phone: PhoneReturn | null;
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
  const phone = parsePhoneReturn(said);
  if (phone !== null) {
    url.searchParams.set("election", phone.state.electionUuid);
  }
  if (url.hash !== "") {
    url.hash = "";
    window.history.replaceState(window.history.state, "", url.href);
  }
  const uuid = url.searchParams.get("election");
  return {
    electionUuid: uuid !== null && UUID.test(uuid) ? uuid : null,
    pairing: parsePairing(said.get("card-agent")),
    // The provider's code bears the same name.
    votingCode: said.has("state") ? null : said.get("code"),
    phone,
  };
}
