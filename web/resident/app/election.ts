/** The election as tally publishes it: the notice that everybody sees, and the exact text that every ballot is bound to. */

import type { Services } from "@tsukuba-evote/shared/api";
import { type Election, parseElection } from "@tsukuba-evote/shared/belenios";
import { LyingService } from "@tsukuba-evote/shared/device";

import type { ElectionNotice } from "../pages/landing.tsx";
import { persist, Refused, type Wait } from "../vote/retrying.ts";

/** `election`: null before there are final questions. */
export interface Published {
  readonly notice: ElectionNotice;
  /** How many may vote. */
  readonly rollSize: number;
  readonly election: Election | null;
}

/** An election that can be chosen where the address names none. */
export interface Listed {
  readonly uuid: string;
  readonly name: string;
}

const BEFORE = new Set(["drafted", "roll-frozen"]);

/** Elections that are open now. */
export async function openElections(services: Services, wait: Wait, away: () => void): Promise<readonly Listed[]> {
  const { elections } = await persist(() => services.tally.GET("/elections"), wait, away);
  return elections.filter(({ state }) => state === "open").map(({ election_uuid: uuid, name }) => ({ uuid, name }));
}

/** @throws Refused for an election that is none, LyingService for a text of another one, BeleniosError for one that can't be read. */
export async function readElection(services: Services, uuid: string, wait: Wait, away: () => void): Promise<Published> {
  const params = { path: { election_uuid: uuid } };
  const [said, text] = await Promise.all([
    persist(() => services.tally.GET("/elections/{election_uuid}", { params }), wait, away),
    // At once: on a slow line each turn costs a part of a second. Before the questions are final there is none, and it is refused.
    persist(() => services.tally.GET("/elections/{election_uuid}/election.json", { params, parseAs: "text" }), wait, away).catch(refusal),
  ]);
  const stage = BEFORE.has(said.state) ? "before" : said.state === "open" || said.state === "abandoned" ? said.state : "closed";
  const notice: ElectionNotice = {
    name: said.name,
    description: said.description,
    opensAt: said.opens_at,
    closesAt: said.closes_at,
    stage,
  };
  const rollSize = said.roll_size ?? 0;
  // Called off before it opened, it may never have had its text.
  if (stage === "before" || stage === "abandoned") {
    return { notice, rollSize, election: null };
  }
  if (text instanceof Refused) {
    throw text;
  }
  const election = parseElection(text);
  if (election.uuid !== uuid) {
    throw new LyingService("the text is of another election");
  }
  return { notice, rollSize, election };
}

function refusal(error: unknown): Refused {
  if (error instanceof Refused) {
    return error;
  }
  throw error;
}
