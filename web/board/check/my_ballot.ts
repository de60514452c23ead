/**
 * My ballot: what the page verifies itself, step by step, against keys that it has from the city and not from the services.
 *
 * Which entry of the log belongs to a tracker is the ballot service's word until the close: the entry itself names the credential and is
 * withheld till then. The word can't be taken back: it names the hash of one entry, and after the close everybody reads that entry.
 */

import { hexToBytes } from "@noble/hashes/utils.js";
import type { PublicServices } from "@tsukuba-evote/shared/api";
import {
  type Checkpoint,
  CheckFailed,
  checkReceipt,
  openCheckpoint,
  type Policy,
  type Receipt,
  verifyByPolicy,
  verifyInclusion,
} from "@tsukuba-evote/shared/check";

import { NotFound, read } from "../read/asking.ts";
import type { Pasted } from "./pasted.ts";

/** In the order in which a ballot reaches them. */
export const STEPS = ["receipt", "known", "included", "checkpoint", "witnessed", "anchored"] as const;
export type StepName = (typeof STEPS)[number];

/** `not-given`: there was no receipt to look at. */
export type Outcome = "holds" | "fails" | "not-yet" | "not-given";

/** Where a chain holds a checkpoint that covers the ballot, as the ballot service says; the chain itself is for whoever reads it. */
export interface Anchor {
  readonly chain: string;
  readonly ledger: string;
  readonly transaction: string;
  readonly block: number;
}

export interface Checked {
  readonly tracker: string;
  readonly outcomes: Readonly<Record<StepName, Outcome>>;
  /** Null where the ballot is unknown. */
  readonly acceptedAt: string | null;
  readonly logIndex: number | null;
  /** The tree in which the page found the entry. */
  readonly treeSize: number | null;
  /** Witnesses by the policy's names. */
  readonly witnesses: readonly string[];
  readonly anchors: readonly Anchor[];
}

export interface City {
  readonly electionUuid: string;
  readonly receiptKey: Uint8Array;
  readonly policy: Policy;
}

interface Status {
  readonly accepted_at: string;
  readonly log_index?: number | null;
  readonly leaf_hash?: string | null;
  readonly anchors?: readonly Anchor[];
}

interface Proof {
  readonly log_index: number;
  readonly size: number;
  readonly leaf_hash: string;
  readonly hashes: readonly string[];
  readonly checkpoint: string | null;
}

type Told = { -readonly [Name in keyof Checked]: Checked[Name] } & { outcomes: Record<StepName, Outcome> };

/** @throws what {@link read} throws while a service can't answer: then nothing is known either way. */
export async function checkMyBallot({ tracker, receipt }: Pasted, city: City, services: PublicServices): Promise<Checked> {
  const told: Told = {
    tracker,
    outcomes: {
      receipt: receipt === null ? "not-given" : outcomeOf(() => verifyReceipt(receipt, tracker, city)),
      known: "holds",
      included: "not-yet",
      checkpoint: "not-yet",
      witnessed: "not-yet",
      anchored: "not-yet",
    },
    acceptedAt: null,
    logIndex: null,
    treeSize: null,
    witnesses: [],
    anchors: [],
  };
  const path = { election_uuid: city.electionUuid, tracker };
  const status: Status | null = await unlessNotFound(() =>
    read(() => services.ballot.GET("/elections/{election_uuid}/status/{tracker}", { params: { path }, cache: "no-cache" })),
  );
  if (status === null) {
    told.outcomes.known = "fails";
    return told;
  }
  told.acceptedAt = status.accepted_at;
  const index = status.log_index ?? null;
  if (index === null) {
    return told;
  }
  told.logIndex = index;
  await checkLog(told, index, status.leaf_hash ?? null, city.policy, services);
  told.anchors = status.anchors ?? [];
  if (told.anchors.length > 0) {
    told.outcomes.anchored = "holds";
  }
  return told;
}

function verifyReceipt(receipt: Receipt, tracker: string, { electionUuid, receiptKey }: City): void {
  checkReceipt(receipt, electionUuid, tracker, receiptKey);
}

/** The newest head that witnesses vouch for, if it covers the entry; or else the newest that the log signed. */
async function checkLog(told: Told, index: number, leaf: string | null, policy: Policy, services: PublicServices): Promise<void> {
  const note = await unlessNotFound(() =>
    read(() => services.log.GET("/checkpoint/witnessed", { parseAs: "text", cache: "no-cache" })),
  );
  let head: Checkpoint | null = null;
  if (note !== null) {
    told.outcomes.witnessed = outcomeOf(() => {
      const witnessed = verifyByPolicy(note, policy);
      if (witnessed.checkpoint.size > index) {
        head = witnessed.checkpoint;
        told.witnesses = [...witnessed.cosigned.keys()];
      }
    });
    if (told.outcomes.witnessed === "holds" && head === null) {
      told.outcomes.witnessed = "not-yet";
    }
  }
  const size = (head as Checkpoint | null)?.size;
  const place = leaf === null ? { index } : { leaf_hash: leaf };
  const proof: Proof | null = await unlessNotFound(() =>
    read(() => services.log.GET("/proofs/inclusion", { params: { query: size === undefined ? place : { ...place, size } } })),
  );
  if (proof === null) {
    // The ballot service says that it is there, and the log that it isn't.
    told.outcomes.included = "fails";
    return;
  }
  told.outcomes.checkpoint = head === null ? outcomeOf(() => void (head = openByLog(proof.checkpoint, policy))) : "holds";
  if (head === null) {
    return;
  }
  const { root, size: treeSize } = head as Checkpoint;
  told.outcomes.included = outcomeOf(() => {
    if (proof.log_index !== index || (leaf !== null && proof.leaf_hash !== leaf)) {
      throw new CheckFailed("inclusion", "the proof is of another entry");
    }
    verifyInclusion(hashOf(proof.leaf_hash), index, treeSize, proof.hashes.map(hashOf), root);
  });
  told.treeSize = treeSize;
}

function openByLog(note: string | null, policy: Policy): Checkpoint {
  for (const key of policy.logs) {
    if (note?.startsWith(`${key.name}\n`) === true) {
      return openCheckpoint(note, key);
    }
  }
  throw new CheckFailed("checkpoint", "not a head of a log of the policy");
}

function outcomeOf(verify: () => void): "holds" | "fails" {
  try {
    verify();
    return "holds";
  } catch (error) {
    if (error instanceof CheckFailed) {
      return "fails";
    }
    throw error;
  }
}

async function unlessNotFound<Data>(request: () => Promise<Data>): Promise<Data | null> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof NotFound) {
      return null;
    }
    throw error;
  }
}

function hashOf(text: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new CheckFailed("inclusion", "a hash that is none");
  }
  return hexToBytes(text);
}
