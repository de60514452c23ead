/**
 * The browser's Back and Forward over the pages of a vote. The history holds the names of pages ("question-2", "review") and
 * nothing that a voter said; the address never changes.
 */

import { placeOf, type State } from "../vote/machine.ts";

/** What of a window this needs. */
export interface Historied {
  readonly history: {
    readonly state: unknown;
    pushState(state: unknown, unused: string): void;
    replaceState(state: unknown, unused: string): void;
  };
  addEventListener(type: "popstate", listener: () => void): void;
}

interface Vote {
  readonly state: State;
  subscribe(listener: () => void): void;
  send(event: { readonly type: "went-to"; readonly place: string }): void;
}

/** Keeps the history and the vote together from now on. */
export function followHistory(window: Historied, vote: Vote): void {
  const { history } = window;
  history.replaceState({ place: placeOf(vote.state) }, "");
  vote.subscribe(() => {
    const place = placeOf(vote.state);
    if (place !== null && place !== placeIn(history.state)) {
      history.pushState({ place }, "");
    }
  });
  window.addEventListener("popstate", () => {
    const wished = placeIn(history.state);
    if (wished !== null) {
      vote.send({ type: "went-to", place: wished });
    }
    const place = placeOf(vote.state);
    // Where the vote can't go back to (before the identification, out of a ballot that is being cast), the page stays as it is.
    if (place !== null && place !== placeIn(history.state)) {
      history.pushState({ place }, "");
    }
  });
}

function placeIn(state: unknown): string | null {
  if (typeof state === "object" && state !== null && "place" in state && typeof state.place === "string") {
    return state.place;
  }
  return null;
}
