/**
 * The voting protocol (Belenios, version 1) on a voter's device. Everything that doesn't hold throws a {@link BeleniosError}
 * with the rule's name; nothing here knows a server.
 *
 * To vote: {@link parseElection} (compare `fingerprint`), {@link findOnList}, {@link prepareBallot}, show `tracker`; then either
 * {@link signOrder} and post `{ballot: text, order}`, or show {@link writeOpening} and prepare a fresh one.
 */

export { type Answer, checkChoices, choicesOf, type Ciphertext } from "./answers.ts";
export { type Ballot, type Choices, generateBallot, parseBallot, type SignedBallot, trackerOf, verifyBallot } from "./ballots.ts";
export { fromBase64, type Random, systemRandom } from "./bytes.ts";
export { findOnList, type ListedCredential, parseCredential, partOfList, publicCredential, secretExponent } from "./credentials.ts";
export { type Election, parseElection, type Question } from "./election.ts";
export { BeleniosError } from "./errors.ts";
export { BELENIOS_2048, ED25519, type Element, type Group, hashToExponent } from "./groups/index.ts";
export { type Json, load } from "./json.ts";
export {
  checkOpening,
  isOpening,
  type Opening,
  parseOpening,
  type PreparedBallot,
  prepareBallot,
  seededRandom,
  writeOpening,
} from "./opening.ts";
export { type OrderStatement, proveHolding, signOrder, verifyOrder } from "./order.ts";
export type { Proof, WrittenProof } from "./proofs.ts";
