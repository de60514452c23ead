/**
 * What survives a reload: the bytes that are being posted, and later the receipt. Nothing else is ever stored.
 *
 * A phone that is short of memory loads a page anew while it waits for an answer; without the bytes the voter would not know
 * whether the vote was cast, and could only vote again. They are encrypted and signed for the ballot service, which has them
 * anyway: neither choice nor private credential can be had from them. They are kept for this tab alone, until the receipt takes
 * their place; the receipt, until the voter has finished. A tab that is closed leaves nothing.
 */

import type { Receipt } from "@tsukuba-evote/shared/check";
import * as v from "valibot";

import type { Posting } from "./machine.ts";

const KEY = "tsukuba-evote";

export type Kept =
  | ({ readonly kind: "posting"; readonly election_uuid: string } & Posting)
  | ({ readonly kind: "receipt" } & Receipt);

const KeptText = v.pipe(
  v.string(),
  v.parseJson(),
  v.variant("kind", [
    v.object({ kind: v.literal("posting"), election_uuid: v.string(), tracker: v.string(), body: v.string() }),
    v.object({
      kind: v.literal("receipt"),
      election_uuid: v.string(),
      tracker: v.string(),
      position: v.object({ partition: v.number(), offset: v.number() }),
      accepted_at: v.string(),
      signature: v.string(),
    }),
  ]),
);

/** This tab's storage; the vote goes on without one where the browser allows none, and a reload forgets it then. */
export class Keeper {
  readonly #storage: Storage | null;

  constructor(storage: Storage | null) {
    this.#storage = storage;
  }

  keep(kept: Kept): void {
    this.#storage?.setItem(KEY, JSON.stringify(kept));
  }

  /** What was kept for this election; what can't be read is erased. */
  recall(electionUuid: string): Kept | null {
    const text = this.#storage?.getItem(KEY) ?? null;
    const read = v.safeParse(KeptText, text);
    if (!read.success) {
      this.forget();
      return null;
    }
    return read.output.election_uuid === electionUuid ? read.output : null;
  }

  forget(): void {
    this.#storage?.removeItem(KEY);
  }
}

/** The tab's own storage, or `null` where the browser's settings forbid it. */
export function tabStorage(window: { readonly sessionStorage: Storage }): Storage | null {
  try {
    return window.sessionStorage;
  } catch (error) {
    if (error instanceof DOMException && error.name === "SecurityError") {
      return null;
    }
    throw error;
  }
}
