/** What the worker does for the page: the slow parts of the protocol, by texts that can be sent between the two. */

import {
  type Choices,
  checkOpening,
  type Election,
  findOnList,
  type ListedCredential,
  type OrderStatement,
  parseElection,
  parseOpening,
  partOfList,
  type PreparedBallot,
  prepareBallot,
  proveHolding,
  type Random,
  signOrder,
  type WrittenProof,
} from "../belenios/index.ts";

/** Every function throws what its namesake in `belenios` throws. `electionText` is the exact `election.json`. */
export interface Protocol {
  partOfList(electionText: string, credential: string, rollSize: number): number;
  findOnList(electionText: string, listText: string, credential: string): ListedCredential;
  prepareBallot(electionText: string, credential: string, choices: Choices): PreparedBallot;
  signOrder(electionText: string, credential: string, tracker: string, number: number): OrderStatement;
  proveHolding(electionText: string, credential: string, challenge: string): WrittenProof;
  /** `openingText`: what the QR code holds. */
  checkOpening(electionText: string, openingText: string, tracker: string): Choices;
}

/** The protocol with one source of randomness. The last election stays parsed, with the table of its key. */
export function newProtocol(random: Random): Protocol {
  let last: Election | undefined;
  const election = (text: string): Election => {
    if (last?.text !== text) {
      last = parseElection(text);
    }
    return last;
  };
  return {
    partOfList: (text, credential, rollSize) => partOfList(credential, rollSize, election(text)),
    findOnList: (text, listText, credential) => findOnList(listText, credential, election(text)),
    prepareBallot: (text, credential, choices) => prepareBallot(election(text), credential, choices, random),
    signOrder: (text, credential, tracker, number) => signOrder(election(text), credential, tracker, number, random),
    proveHolding: (text, credential, challenge) => proveHolding(election(text), credential, challenge, random),
    checkOpening: (text, openingText, tracker) => {
      const of = election(text);
      return checkOpening(of, parseOpening(of, openingText), tracker);
    },
  };
}
