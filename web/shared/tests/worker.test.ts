/** The worker's protocol over a channel such as a worker has. */

import { expose } from "comlink";
import { afterAll, beforeAll, expect, test } from "vitest";

import { parseBallot, parseElection, systemRandom, verifyBallot, writeOpening } from "../belenios/index.ts";
import { newProtocol, type Protocol, startProtocol } from "../worker/index.ts";
import { vectors } from "./vectors.ts";

const [first] = vectors<{ accepted: { election: string; credential: string }[] }>("ed25519/ballots.json").accepted;
const { election, credential } = first!;
const channel = new MessageChannel();
let protocol: ReturnType<typeof startProtocol>;

beforeAll(() => {
  expose(newProtocol(systemRandom) satisfies Protocol, channel.port1);
  protocol = startProtocol(channel.port2);
});
afterAll(() => {
  channel.port1.close();
  channel.port2.close();
});

test("a ballot made behind the channel verifies, and its opening leads to it", async () => {
  const ballot = await protocol.prepareBallot(election, credential, [[0, 0, 1]]);
  const parsed = parseElection(election);
  verifyBallot(parsed, parseBallot(parsed, ballot.text));
  expect(await protocol.checkOpening(election, writeOpening(ballot.opening), ballot.tracker)).toEqual([[0, 0, 1]]);
});

test("a refusal keeps its rule", async () => {
  await expect(protocol.prepareBallot(election, credential, [[1, 1, 0]])).rejects.toMatchObject({
    name: "BeleniosError",
    rule: "ballot-choices",
  });
});
