/** A vote in progress: does what the machine's state asks for, and tells the machine what came of it. */

import { NoAnswer, type Services } from "@tsukuba-evote/shared/api";
import { BeleniosError, type Election } from "@tsukuba-evote/shared/belenios";
import { CheckFailed, checkReceipt, type VerifierKey } from "@tsukuba-evote/shared/check";
import { LyingService } from "@tsukuba-evote/shared/device";
import type { startProtocol } from "@tsukuba-evote/shared/worker";

import { post } from "./ballot_service.ts";
import { cast, type CastingDesk } from "./casting.ts";
import { numberInLog } from "./earlier_ballots.ts";
import type { Keeper } from "./kept.ts";
import { choicesOf, type Event, isInDoubt, next, type State } from "./machine.ts";
import { persist, Refused, ServiceUnavailable } from "./retrying.ts";

export interface Surroundings {
  readonly election: Election;
  readonly services: Services;
  readonly protocol: ReturnType<typeof startProtocol>;
  readonly keeper: Keeper;
  /** How many may vote: it says in how many parts their public credentials are listed. */
  readonly rollSize: number;
  /** ballot's Ed25519 key and the log's, from the city and not from the services. */
  readonly receiptKey: Uint8Array;
  readonly logKey: VerifierKey;
  readonly wait: (seconds: number) => Promise<void>;
  /** Aborted when the page is left. */
  readonly signal: AbortSignal;
}

/** Kinds of refusals that no service sends: this page found them out. */
export const OWN_SLUGS = [
  "credential-not-listed",
  "answer-does-not-hold",
  "no-answer-by-the-close",
  "service-away",
  "worker-failed",
] as const;

export class Session {
  readonly election: Election;
  readonly #surroundings: Surroundings;
  readonly #listeners = new Set<() => void>();
  #state: State;
  /** Of the credential in use: the list is read while the voter answers. */
  #listed: Promise<string> | null = null;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.election = surroundings.election;
    const kept = surroundings.keeper.recall(surroundings.election.uuid);
    if (kept === null) {
      this.#state = { at: "landing" };
    } else if (kept.kind === "receipt") {
      const { kind: _, ...receipt } = kept;
      this.#state = { at: "receipt", receipt };
    } else {
      const { tracker, body } = kept;
      this.#state = { at: "casting", start: { kind: "reloaded", tracker, body }, delay: { why: "sending" } };
    }
  }

  get state(): State {
    return this.#state;
  }

  /** Goes on with what an earlier load of the page was posting. To be called once, when listeners are there. */
  resume(): void {
    if (this.#state.at === "casting") {
      this.#cast(this.#state);
    }
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly send = (event: Event): void => {
    const before = this.#state;
    this.#state = next(before, event, this.election.questions);
    if (this.#state !== before) {
      this.#do(before, this.#state);
      for (const listener of this.#listeners) {
        listener();
      }
    }
  };

  #do(before: State, state: State): void {
    const { keeper } = this.#surroundings;
    if (before.at === "identifying" && state.at === "question") {
      this.#listed = this.#findOnList(state.answers.credential);
      this.#orRefuse(this.#listed);
    } else if (state.at === "review" && before.at !== "review") {
      this.#orRefuse(this.#encrypt(state));
    } else if (state.at === "casting" && before.at !== "casting") {
      this.#cast(state);
    } else if (state.at === "receipt") {
      keeper.keep({ kind: "receipt", ...state.receipt });
    } else if (state.at === "finished" || (state.at === "refused" && !isInDoubt(state))) {
      // Of a ballot in doubt the bytes stay, to be posted again after a reload.
      keeper.forget();
    }
    if (state.at !== "question" && state.at !== "review" && state.at !== "opened" && state.at !== "casting") {
      this.#listed = null;
    }
  }

  /** The public credential. */
  async #findOnList(credential: string): Promise<string> {
    const { services, protocol, election, rollSize, wait, signal } = this.#surroundings;
    const part = await protocol.partOfList(election.text, credential, rollSize);
    const asked = { path: { election_uuid: election.uuid, part } };
    const list = await persist(
      () => services.tally.GET("/elections/{election_uuid}/public_creds/{part}", { params: asked, parseAs: "text", signal }),
      wait,
    ).catch((error: unknown) => {
      if (!(error instanceof Refused && error.slug === "not-found")) {
        throw error;
      }
      // A replica of the release before gives the list as a whole.
      const params = { path: { election_uuid: election.uuid } };
      return persist(() => services.tally.GET("/elections/{election_uuid}/public_creds.json", { params, parseAs: "text", signal }), wait);
    });
    return (await protocol.findOnList(election.text, list, credential)).credential;
  }

  async #encrypt(state: Extract<State, { at: "review" }>): Promise<void> {
    await this.#listed;
    const { protocol, election } = this.#surroundings;
    const ballot = await protocol.prepareBallot(election.text, state.answers.credential, choicesOf(state));
    this.send({ type: "encrypted", ballot, answers: state.answers });
  }

  #cast(state: Extract<State, { at: "casting" }>): void {
    const { services, protocol, election, keeper, receiptKey, logKey, wait, signal } = this.#surroundings;
    const { uuid, text } = election;
    const listed = this.#listed;
    const desk: CastingDesk = {
      post: (body) => post(services, uuid, body, signal),
      keep: (posting) => {
        keeper.keep({ kind: "posting", election_uuid: uuid, ...posting });
      },
      sign: (credential, tracker, number) => protocol.signOrder(text, credential, tracker, number),
      findInLog: async (credential, tracker) =>
        numberInLog(tracker, {
          services,
          election,
          credential: (await listed)!,
          prove: (challenge) => protocol.proveHolding(text, credential, challenge),
          logKey,
          wait,
          signal,
        }),
      checkReceipt: (receipt) => {
        checkReceipt(receipt, uuid, state.start.tracker, receiptKey);
      },
      wait,
    };
    this.#orRefuse(cast(state.start, desk, this.send));
  }

  /** What went wrong becomes a page, unless the page is being left. */
  #orRefuse(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!this.#surroundings.signal.aborted) {
        this.send({ type: "refused", slug: slugOfError(error) });
      }
    });
  }
}

/** The kind of a failure, by which its words are chosen. */
export function slugOfError(error: unknown): string {
  if (error instanceof Refused) {
    return error.slug;
  }
  if (error instanceof LyingService || error instanceof CheckFailed) {
    return "answer-does-not-hold";
  }
  if (error instanceof BeleniosError) {
    return error.rule === "credential-unlisted" || error.rule === "credential-format" ? "credential-not-listed" : "worker-failed";
  }
  if (error instanceof ServiceUnavailable || error instanceof NoAnswer) {
    return "service-away";
  }
  return "worker-failed";
}
