/**
 * Cast as intended: a ballot whose encryption can be recomputed on a second device.
 *
 * All randomness of the encryptions and proofs comes from a seed. Before the voter decides to cast or to check, the tracker
 * is shown, which fixes the ballot. Who checks gets the *opening* (seed, choices, public credential, signature), from which
 * another device makes the very ballot and compares the tracker. An opened ballot must be thrown away: its vote is known.
 *
 * The signature's nonce does not come from the seed. With it, signature and seed would give away the private credential.
 */

import { shake256 } from "@noble/hashes/sha3.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import { type Choices, generateBallot, signedText, trackerOf, unsignedBallot } from "./ballots.ts";
import type { Random } from "./bytes.ts";
import type { Election } from "./election.ts";
import { BeleniosError } from "./errors.ts";
import { asArray, Fields, type Json, load } from "./json.ts";
import { parseProof, type WrittenProof, writeProof } from "./proofs.ts";

const SEED_BYTES = 32;
const FORM = "tsukuba-evote opening v1";

/** SHAKE-256 of a seed, read from its start. */
export function seededRandom(seed: Uint8Array): Random {
  const stream = shake256.create({ dkLen: 32 }).update(seed);
  return (count) => stream.xof(count);
}

/** What a second device needs to make the ballot again. It says how the voter would have voted: for that ballot only. */
export interface Opening {
  readonly electionUuid: string;
  readonly electionHash: string;
  /** The public credential. */
  readonly credential: string;
  readonly choices: Choices;
  /** 64 hexadecimal digits. */
  readonly seed: string;
  readonly signature: WrittenProof;
}

/** A ballot that is fixed and not cast yet. */
export interface PreparedBallot {
  /** The exact text that is posted. */
  readonly text: string;
  readonly tracker: string;
  /** To be shown when the voter checks this ballot instead of casting it, and forgotten when it is cast. */
  readonly opening: Opening;
}

/**
 * Encrypt, prove and sign a vote under a fresh seed.
 *
 * @param credential the private one.
 * @throws BeleniosError `ballot-choices`, `credential-format`.
 */
export function prepareBallot(election: Election, credential: string, choices: Choices, random: Random): PreparedBallot {
  const seed = random(SEED_BYTES);
  const ballot = generateBallot(election, credential, choices, seededRandom(seed), random);
  const opening = {
    electionUuid: election.uuid,
    electionHash: election.fingerprint,
    credential: ballot.credential,
    choices,
    seed: bytesToHex(seed),
    signature: writeProof(ballot.signature),
  };
  return { text: ballot.text, tracker: trackerOf(ballot.text), opening };
}

/** An opening as the text of a QR code. */
export function writeOpening(opening: Opening): string {
  return JSON.stringify({
    form: FORM,
    election_uuid: opening.electionUuid,
    election_hash: opening.electionHash,
    credential: opening.credential,
    choices: opening.choices,
    seed: opening.seed,
    signature: opening.signature,
  });
}

/** Whether a code that a camera saw is an opening at all; whether it holds, {@link parseOpening} and {@link checkOpening} tell. */
export function isOpening(text: string): boolean {
  return text.startsWith(`{"form":"${FORM}"`);
}

/** The inverse of {@link writeOpening}. @throws BeleniosError `json`, `schema`, `number`: not an opening for this election's group. */
export function parseOpening(election: Election, text: string): Opening {
  const fields = new Fields(load(text), "opening");
  if (fields.text("form") !== FORM) {
    throw new BeleniosError("schema", "not an opening of this form");
  }
  const seed = fields.text("seed");
  if (!/^[0-9a-f]{64}$/.test(seed)) {
    throw new BeleniosError("schema", "a seed has 64 hexadecimal digits");
  }
  const opening = {
    electionUuid: fields.text("election_uuid"),
    electionHash: fields.text("election_hash"),
    credential: fields.text("credential"),
    choices: fields.array("choices").map(parseChosen),
    seed,
    signature: writeProof(parseProof(fields.value("signature"), election.group.order, "opening.signature")),
  };
  fields.end();
  return opening;
}

/**
 * What the second device does: make the ballot again from its opening, and compare the tracker with the one that the voter
 * was shown *before* asking for the check.
 *
 * @returns the choices that the ballot of this tracker encrypts.
 * @throws BeleniosError `opening-election`: of another election; `opening-tracker`: another ballot than was shown, so the first
 * device encrypted something else than it says; `ballot-choices`.
 */
export function checkOpening(election: Election, opening: Opening, tracker: string): Choices {
  if (opening.electionUuid !== election.uuid || opening.electionHash !== election.fingerprint) {
    throw new BeleniosError("opening-election", "the opening is of another election");
  }
  const random = seededRandom(hexToBytes(opening.seed));
  const unsigned = unsignedBallot(election, opening.credential, opening.choices, random);
  const signature = parseProof({ ...opening.signature }, election.group.order, "opening.signature");
  if (trackerOf(signedText(unsigned, signature)) !== tracker) {
    throw new BeleniosError("opening-tracker", "the opening leads to another ballot than the tracker's");
  }
  return opening.choices;
}

function parseChosen(value: Json): readonly number[] {
  const chosen = asArray(value, "choices");
  if (!chosen.every((item) => typeof item === "number")) {
    throw new BeleniosError("schema", "choices are numbers");
  }
  return chosen;
}
