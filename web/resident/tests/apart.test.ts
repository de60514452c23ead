/** What the browser sends to auth and what it sends to ballot have nothing in common by which somebody could join the two. */

import { hexToBytes } from "@noble/hashes/utils.js";
import { connect } from "@tsukuba-evote/shared/api";
import { expect, test } from "vitest";

import { vectors } from "../../shared/tests/vectors.ts";
import { Keeper } from "../vote/kept.ts";
import { Session } from "../vote/session.ts";
import { releaseByCard } from "../ways/card.ts";
import { CREDENTIAL, directProtocol, ELECTION, LOG_KEY, PretendServices, RECEIPT_KEY, URLS } from "./pretend.ts";

const vector = vectors<{
  occasion_id: string;
  signing_seed: string;
  sealing_secret: string;
  device_key: string;
  sealed: { contents: string; plain: string; sealed: string }[];
}>("device/occasion.json");
const released = vector.sealed.find(({ contents }) => contents === "tsukuba-evote sealed credential v1")!;

/** The words of a request: address, heads and body, without what stands between. */
function wordsOf(text: string): Set<string> {
  return new Set(text.match(/[A-Za-z0-9]{6,}/g));
}

/** A whole request in one text. */
async function written(request: Request): Promise<string> {
  return [request.url, JSON.stringify([...request.headers]), request.credentials, await request.clone().text()].join(" ");
}

test("two conversations, recorded whole, share the election and the forms of speech only", async () => {
  const toAuth: string[] = [];
  const services = connect(URLS, async (request) => {
    toAuth.push(await written(request));
    const key = vector.device_key;
    return Response.json(
      request.url.endsWith("/challenges")
        ? {
            challenge_id: vector.occasion_id,
            challenge: `tsukuba-evote challenge v2\n${ELECTION.uuid}\n${vector.occasion_id}\n${"ab".repeat(32)}\n${key}\n`,
            release_statement:
              `投票資格情報の受け取り\n選挙: 模擬\n選挙番号: ${ELECTION.uuid}\n受付番号: ${vector.occasion_id}\n受け取る端末の鍵: ${key}\n` +
              "私は、この選挙で投票するための資格情報を、この端末で受け取ります。\n",
          }
        : { election_uuid: ELECTION.uuid, sealed_credential: released.sealed },
    );
  });
  const secrets = [hexToBytes(vector.signing_seed), hexToBytes(vector.sealing_secret)];
  const { signal } = new AbortController();
  await releaseByCard({
    services,
    electionUuid: ELECTION.uuid,
    agent: {
      sign: async () => ({
        challenge_id: vector.occasion_id,
        user_certificate: "AAAAuser",
        challenge_signature: "AAAAchallenge",
        signature_certificate: "AAAAsignature",
        statement_signature: "AAAAstatement",
      }),
    },
    random: () => secrets.shift()!,
    wait: async () => {},
    tell: () => {},
    signal,
  });

  // What the vectors have sealed is a text for tests, and no credential: the vote has another.
  const pretend = new PretendServices();
  const session = new Session({
    election: ELECTION,
    rollSize: 2,
    services: pretend.services,
    protocol: directProtocol(),
    keeper: new Keeper(null),
    receiptKey: RECEIPT_KEY,
    logKey: LOG_KEY,
    wait: async () => {},
    signal,
  });
  const reached = (at: string) => expect.poll(() => session.state, { timeout: 30_000 }).toMatchObject({ at });
  for (let votes = 1; votes <= 2; votes += 1) {
    // The second time the page asks for the earlier ballot too.
    session.send({ type: "way-chosen", way: "card" });
    session.send({ type: "identified", credential: CREDENTIAL });
    session.send({ type: "marked", choice: [0, 1, 0] });
    session.send({ type: "continued" });
    await expect.poll(() => session.state, { timeout: 30_000 }).toMatchObject({ at: "review", ballot: { tracker: expect.any(String) } });
    session.send({ type: "cast" });
    await reached("receipt");
    session.send({ type: "finished" });
    session.send({ type: "begun-again" });
  }
  const toBallot = pretend.asked.filter(({ url }) => url.startsWith(URLS.ballot)).map(({ whole }) => whole);
  expect(toAuth).toHaveLength(2);
  expect(toBallot.map((text) => text.split(" ")[0]!.split("/").at(-1))).toEqual(["ballots", "ballots", "challenges", "own-ballots", "ballots"]);
  const shared = [...wordsOf(toAuth.join(" "))].filter((word) => wordsOf(toBallot.join(" ")).has(word));
  expect(shared.toSorted()).toEqual(["Kfv5ngiYbJzRHQ", "application", "challenge", "challenges", "content", "election", "elections", "example", "signature"]);
  expect([...toAuth, ...toBallot].some((text) => / (include|same-origin) /.test(text))).toBe(false);
});
