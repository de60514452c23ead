/** A whole vote against pretend services, with the real protocol: what leaves the page, and what stays. */

import { partOfList, writeOpening } from "@tsukuba-evote/shared/belenios";
import { expect, test } from "vitest";

import { Keeper } from "../vote/kept.ts";
import type { State } from "../vote/machine.ts";
import { Session } from "../vote/session.ts";
import { CLOSED, CLOSED_BY_CLOCK, CREDENTIAL, directProtocol, ELECTION, LOG_KEY, LOST, PretendServices, RECEIPT_KEY } from "./pretend.ts";

/** A tab's storage, in memory. */
class TabStorage {
  readonly entries = new Map<string, string>();
  getItem(key: string): string | null {
    return this.entries.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.entries.set(key, value);
  }
  removeItem(key: string): void {
    this.entries.delete(key);
  }
}

type Wait = (seconds: number) => Promise<void>;

function sessionOf(pretend: PretendServices, storage: TabStorage, wait: Wait = async () => {}, rollSize = 2): Session {
  return new Session({
    election: ELECTION,
    rollSize,
    services: pretend.services,
    protocol: directProtocol(),
    keeper: new Keeper(storage as unknown as Storage),
    receiptKey: RECEIPT_KEY,
    logKey: LOG_KEY,
    wait,
    signal: new AbortController().signal,
  });
}

function reaches<At extends State["at"]>(session: Session, at: At, ready: (state: State) => boolean = () => true): Promise<Extract<State, { at: At }>> {
  return new Promise((resolve) => {
    const look = () => {
      if (session.state.at === at && ready(session.state)) {
        resolve(session.state as Extract<State, { at: At }>);
      }
    };
    session.subscribe(look);
    look();
  });
}

async function toReview(session: Session, choice: readonly number[] = [0, 1, 0]) {
  session.send({ type: "way-chosen", way: "card" });
  session.send({ type: "identified", credential: CREDENTIAL });
  session.send({ type: "marked", choice });
  session.send({ type: "continued" });
  return reaches(session, "review", (state) => state.at === "review" && state.ballot !== null);
}

async function vote(session: Session) {
  const { ballot } = await toReview(session);
  session.send({ type: "cast" });
  const { receipt } = await reaches(session, "receipt");
  expect(receipt.tracker).toBe(ballot!.tracker);
  return receipt;
}

test("a vote is encrypted, cast under number 1, and has a receipt that verifies", async () => {
  const [pretend, storage] = [new PretendServices(), new TabStorage()];
  const session = sessionOf(pretend, storage);
  await vote(session);
  expect(pretend.taken.map(({ number }) => number)).toEqual([1]);
});

test("of a city's list of credentials the device reads one part, and of a replica of the release before the whole", async () => {
  const part = partOfList(CREDENTIAL, 200_000, ELECTION);
  for (const path of [`/public_creds/${part}`, "/public_creds.json"]) {
    const [pretend, storage] = [new PretendServices(), new TabStorage()];
    pretend.listPath = path;
    await vote(sessionOf(pretend, storage, undefined, 200_000));
    const asked = pretend.asked.filter(({ url }) => url.includes("public_creds")).map(({ url }) => url);
    expect(asked.at(-1)!.endsWith(path)).toBe(true);
    expect(asked[0]!.endsWith(`/public_creds/${part}`)).toBe(true);
  }
});

test("the private credential and the plain choice never leave the page, nor stay in it", async () => {
  const [pretend, storage] = [new PretendServices(), new TabStorage()];
  const session = sessionOf(pretend, storage);
  await vote(session);
  const sent = JSON.stringify(pretend.asked);
  expect(sent).not.toContain(CREDENTIAL);
  expect(sent).not.toContain("seed");
  expect([...storage.entries.values()].join("")).not.toContain(CREDENTIAL);
  // Of the vote itself nothing either, once there is a receipt: the encrypted ballot is gone.
  expect([...storage.entries.values()].join("")).not.toContain("ballot");
  session.send({ type: "finished" });
  expect(storage.entries.size).toBe(0);
});

test("a ballot whose answer is lost is one ballot with one receipt", async () => {
  const [pretend, storage, waits] = [new PretendServices(), new TabStorage(), [] as number[]];
  pretend.afterTaking.push(LOST, { status: 502, slug: null }, { status: 503, slug: "overloaded", retryAfter: 9 });
  const session = sessionOf(pretend, storage, async (seconds) => void waits.push(seconds));
  await vote(session);
  expect(pretend.casts).toHaveLength(4);
  expect(new Set(pretend.casts).size).toBe(1);
  expect(pretend.taken).toHaveLength(1);
  expect(waits).toEqual([2, 4, 9]);
});

test("a page that is loaded anew while it casts posts the same bytes and gets the receipt", async () => {
  const [pretend, storage] = [new PretendServices(), new TabStorage()];
  pretend.beforeTaking.push(LOST);
  // The first page waits for ever: it is loaded anew meanwhile.
  const first = sessionOf(pretend, storage, () => new Promise(() => {}));
  const { ballot } = await toReview(first);
  first.send({ type: "cast" });
  await reaches(first, "casting", (state) => state.at === "casting" && state.delay.why === "no-answer");
  const again = sessionOf(pretend, storage);
  expect(again.state).toMatchObject({ at: "casting", start: { kind: "reloaded", tracker: ballot!.tracker } });
  again.resume();
  const { receipt } = await reaches(again, "receipt");
  expect(receipt.tracker).toBe(ballot!.tracker);
  expect(pretend.casts).toHaveLength(2);
  expect(new Set(pretend.casts).size).toBe(1);
});

test("a receipt survives a reload, until the voter has finished", async () => {
  const [pretend, storage] = [new PretendServices(), new TabStorage()];
  const receipt = await vote(sessionOf(pretend, storage));
  const again = sessionOf(pretend, storage);
  expect(again.state).toEqual({ at: "receipt", receipt });
  again.send({ type: "finished" });
  expect(sessionOf(pretend, storage).state).toEqual({ at: "landing" });
});

test("a voter who votes again from another browser has the number after the one that the log shows", async () => {
  const pretend = new PretendServices();
  await vote(sessionOf(pretend, new TabStorage()));
  const second = await vote(sessionOf(pretend, new TabStorage()));
  expect(pretend.taken.map(({ number }) => number)).toEqual([1, 2]);
  expect(pretend.taken.at(-1)!.receipt.tracker).toBe(second.tracker);
});

test("a refusal for good is told by its kind, and nothing stays", async () => {
  const [pretend, storage] = [new PretendServices(), new TabStorage()];
  pretend.beforeTaking.push(CLOSED);
  const session = sessionOf(pretend, storage);
  await toReview(session);
  session.send({ type: "cast" });
  expect(await reaches(session, "refused")).toMatchObject({ at: "refused", slug: "election-closed" });
  expect(storage.entries.size).toBe(0);
});

test("a ballot whose answer is lost at the close has its receipt by itself", async () => {
  const [pretend, storage] = [new PretendServices(), new TabStorage()];
  pretend.afterTaking.push(LOST, CLOSED_BY_CLOCK, CLOSED_BY_CLOCK);
  const session = sessionOf(pretend, storage);
  await vote(session);
  expect(pretend.casts).toHaveLength(4);
  expect(new Set(pretend.casts).size).toBe(1);
});

test("of a ballot in doubt at the close the bytes stay, and a reload asks again", async () => {
  const [pretend, storage] = [new PretendServices(), new TabStorage()];
  pretend.beforeTaking.push(LOST, ...Array.from({ length: 50 }, () => CLOSED_BY_CLOCK));
  const session = sessionOf(pretend, storage);
  const { ballot } = await toReview(session);
  session.send({ type: "cast" });
  const { tracker } = await reaches(session, "refused");
  expect(session.state).toEqual({ at: "refused", slug: "no-answer-by-the-close", tracker: ballot!.tracker });
  session.send({ type: "begun-again" });
  expect(session.state.at).toBe("closed");
  pretend.beforeTaking.splice(2);
  const again = sessionOf(pretend, storage);
  again.resume();
  expect((await reaches(again, "receipt")).receipt.tracker).toBe(tracker);
  expect(new Set(pretend.casts).size).toBe(1);
});

test.each([
  ["after a missed answer", [LOST, CLOSED], 0],
  ["after a reload", [LOST, ...Array.from({ length: 50 }, () => CLOSED_BY_CLOCK)], 1],
] as const)("who is told %s that the close is settled is in doubt no more, and nothing stays", async (_, before, reloads) => {
  const [pretend, storage] = [new PretendServices(), new TabStorage()];
  pretend.beforeTaking.push(...before);
  let session = sessionOf(pretend, storage);
  const { ballot } = await toReview(session);
  session.send({ type: "cast" });
  await reaches(session, "refused");
  for (let load = 0; load < reloads; load += 1) {
    pretend.beforeTaking.splice(0, Infinity, CLOSED);
    session = sessionOf(pretend, storage);
    session.resume();
    await reaches(session, "refused");
  }
  expect(session.state).toEqual({ at: "refused", slug: "election-closed", tracker: ballot!.tracker });
  expect(storage.entries.size).toBe(0);
  expect(pretend.beforeTaking).toEqual([]);
});

test("a receipt that doesn't hold is shown as none, with the tracker to ask about, and the bytes stay to be posted again", async () => {
  const [pretend, storage] = [new PretendServices(), new TabStorage()];
  pretend.signsWith(new Uint8Array(32).fill(99));
  const session = sessionOf(pretend, storage);
  const { ballot } = await toReview(session);
  session.send({ type: "cast" });
  expect(await reaches(session, "refused")).toEqual({ at: "refused", slug: "answer-does-not-hold", tracker: ballot!.tracker });
  expect(storage.entries.size).toBe(1);
});

test("a credential that isn't on the public list casts nothing", async () => {
  const pretend = new PretendServices();
  const session = sessionOf(pretend, new TabStorage());
  session.send({ type: "way-chosen", way: "card" });
  session.send({ type: "identified", credential: "11111-111111-11111-111111" });
  expect(await reaches(session, "refused")).toEqual({ at: "refused", slug: "credential-not-listed", tracker: null });
  expect(pretend.casts).toEqual([]);
});

test("what the page checks instead of casting is not the ballot that it casts afterwards", async () => {
  const pretend = new PretendServices();
  const session = sessionOf(pretend, new TabStorage());
  const opened = (await toReview(session)).ballot!;
  session.send({ type: "opened" });
  session.send({ type: "thrown-away" });
  await reaches(session, "review", (state) => state.at === "review" && state.ballot !== null);
  session.send({ type: "cast" });
  const { receipt } = await reaches(session, "receipt");
  expect(receipt.tracker).not.toBe(opened.tracker);
  expect(await directProtocol().checkOpening(ELECTION.text, writeOpening(opened.opening), opened.tracker)).toEqual([[0, 1, 0]]);
});
