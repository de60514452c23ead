/** Ballots: made on the voter's device, verified by everyone (specification, "Signatures", "Ballots"). */

import { type Answer, makeAnswer, parseAnswer, verifyAnswer, writeAnswer } from "./answers.ts";
import { digestOf, type Random } from "./bytes.ts";
import { secretExponent } from "./credentials.ts";
import type { Election } from "./election.ts";
import { BeleniosError } from "./errors.ts";
import type { Element } from "./groups/index.ts";
import { Fields, load } from "./json.ts";
import { knowledgeHolds, parseProof, type Proof, proveKnowledge, writeProof } from "./proofs.ts";

/** One list for each question, with a 0 or 1 for each of its ciphertexts: the blank vote first where it is allowed. */
export type Choices = readonly (readonly number[])[];

/** A ballot whose structure and encodings are right; {@link verifyBallot} tells whether it counts. */
export interface Ballot {
  readonly text: string;
  readonly electionUuid: string;
  readonly electionHash: string;
  /** The public credential. */
  readonly credential: string;
  readonly credentialElement: Element;
  readonly answers: readonly Answer[];
  /** The hash that the ballot gives for what was signed. */
  readonly signatureHash: string;
  readonly signature: Proof;
  /** The hash of what is there to be signed: everything but the signature. */
  readonly contentHash: string;
}

/** The smart ballot tracker: unpadded base64 of SHA-256 of the ballot's exact text. */
export const trackerOf: (ballotText: string) => string = digestOf;

/** A ballot that was just made: its exact text, the public credential, and the signature that stands in it. */
export interface SignedBallot {
  readonly text: string;
  readonly credential: string;
  readonly signature: Proof;
}

/**
 * Encrypt, prove and sign a vote.
 *
 * `forAnswers` makes encryptions and proofs, `forSignature` the signature's one nonce. The two must have nothing in common
 * whenever the first is ever shown to anybody: nonce and signature together are the private credential.
 *
 * @throws BeleniosError `ballot-choices` when no valid ballot says that; `credential-format`.
 */
export function generateBallot(
  election: Election,
  credential: string,
  choices: Choices,
  forAnswers: Random,
  forSignature: Random,
): SignedBallot {
  const { group } = election;
  const secret = secretExponent(credential, election);
  const own = group.encode(group.powerGenerator(secret));
  const unsigned = unsignedBallot(election, own, choices, forAnswers);
  const signature = proveKnowledge(group, secret, `sig|${digestOf(unsigned)}|`, forSignature);
  return { text: signedText(unsigned, signature), credential: own, signature };
}

/** A ballot without its signature, made from the public credential. @throws BeleniosError `ballot-choices`. */
export function unsignedBallot(election: Election, credential: string, choices: Choices, random: Random): string {
  if (choices.length !== election.questions.length) {
    throw new BeleniosError("ballot-choices", "one list of choices for each question is needed");
  }
  const prefix = `${election.fingerprint}|${credential}`;
  const answers = election.questions.map((question, index) =>
    makeAnswer(election, question, choices[index]!, prefix, random),
  );
  return unsignedText(election.uuid, election.fingerprint, credential, answers);
}

/** A ballot's exact text from what was signed and the signature. */
export function signedText(unsigned: string, signature: Proof, contentHash: string = digestOf(unsigned)): string {
  const written = JSON.stringify({ hash: contentHash, proof: writeProof(signature) });
  return `${unsigned.slice(0, -1)},"signature":${written}}`;
}

/**
 * Read a ballot strictly, without checking any proof.
 *
 * @throws BeleniosError `json`, `schema`, `number`, `group-element` for what is malformed or not canonical; `ballot-schema` for
 * the wrong number of answers or proofs; `ballot-canonical` for a text that is not the one compact text of its content.
 */
export function parseBallot(election: Election, text: string): Ballot {
  const { group, questions } = election;
  const fields = new Fields(load(text), "ballot");
  const [electionUuid, electionHash] = [fields.text("election_uuid"), fields.text("election_hash")];
  const [credential, values] = [fields.text("credential"), fields.array("answers")];
  const signatureFields = new Fields(fields.value("signature"), "signature");
  fields.end();
  const signatureHash = signatureFields.text("hash");
  const signature = parseProof(signatureFields.value("proof"), group.order, "signature.proof");
  signatureFields.end();
  const credentialElement = group.decode(credential);
  if (values.length !== questions.length) {
    throw new BeleniosError("ballot-schema", `there are ${values.length} answers`);
  }
  const answers = questions.map((question, index) => parseAnswer(group, question, values[index]!));
  const unsigned = unsignedText(electionUuid, electionHash, credential, answers);
  if (signedText(unsigned, signature, signatureHash) !== text) {
    // Otherwise one vote would have many texts, hence many trackers.
    throw new BeleniosError("ballot-canonical", "not the compact text of its own content");
  }
  const contentHash = digestOf(unsigned);
  return { text, electionUuid, electionHash, credential, credentialElement, answers, signatureHash, signature, contentHash };
}

/**
 * Check everything that a ballot says by itself. Whether its credential is on the list, and whether its ciphertexts were
 * seen before, only who keeps the ballots can tell.
 *
 * @throws BeleniosError `ballot-election-uuid`, `ballot-election-hash`, `ballot-hash`, `ballot-signature`,
 * `ballot-individual-proof`, `ballot-overall-proof`, `ballot-blank-proof`.
 */
export function verifyBallot(election: Election, ballot: Ballot): void {
  if (ballot.electionUuid !== election.uuid) {
    throw new BeleniosError("ballot-election-uuid", "the ballot is for another election");
  }
  if (ballot.electionHash !== election.fingerprint) {
    throw new BeleniosError("ballot-election-hash", "the ballot is for another text of the election");
  }
  if (ballot.signatureHash !== ballot.contentHash) {
    throw new BeleniosError("ballot-hash", "signature.hash is not the hash of the ballot");
  }
  const signed = `sig|${ballot.contentHash}|`;
  if (!knowledgeHolds(election.group, ballot.credentialElement, signed, ballot.signature)) {
    throw new BeleniosError("ballot-signature", "the credential did not sign this ballot");
  }
  const prefix = `${election.fingerprint}|${ballot.credential}`;
  election.questions.forEach((question, index) => {
    verifyAnswer(election, question, ballot.answers[index]!, prefix);
  });
}

function unsignedText(uuid: string, hash: string, credential: string, answers: readonly Answer[]): string {
  return JSON.stringify({ election_uuid: uuid, election_hash: hash, credential, answers: answers.map(writeAnswer) });
}
