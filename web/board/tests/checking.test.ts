/** What the page says of a ballot follows from what it verified, and each lie of a service is told as one. */

import { bytesToHex } from "@noble/hashes/utils.js";
import { expect, test } from "vitest";

import { checkMyBallot, type StepName } from "../check/my_ballot.ts";
import { type Pasted, readPasted, readTracker } from "../check/pasted.ts";
import { Away } from "@tsukuba-evote/shared/read";
import { cosigned, ELECTION, LEAF, POLICY, PretendPublic, RECEIPT, RECEIPT_KEY, signed, signedReceipt, TRACKER } from "./pretend.ts";

const city = { electionUuid: ELECTION.uuid, receiptKey: RECEIPT_KEY, policy: POLICY };
const other = new Uint8Array(32).fill(9);

const check = (pretend: PretendPublic, pasted: Pasted = { tracker: TRACKER, receipt: null }) => checkMyBallot(pasted, city, pretend.services);

test("a ballot whose every step holds", async () => {
  const pretend = new PretendPublic();
  const checked = await check(pretend, { tracker: TRACKER, receipt: RECEIPT });
  expect(new Set(Object.values(checked.outcomes))).toEqual(new Set(["holds"]));
  expect(checked).toMatchObject({ logIndex: 0, treeSize: 1, witnesses: ["one"], anchors: [{ transaction: "0xfeed" }] });
  const proof = pretend.asked.find(({ url }) => url.includes("/proofs/inclusion"))!;
  expect(Object.fromEntries(new URL(proof.url).searchParams)).toEqual({ leaf_hash: bytesToHex(LEAF), size: "1" });
});

test("with a tracker alone the receipt is not looked at, and the log is checked all the same", async () => {
  const { outcomes } = await check(new PretendPublic());
  expect(outcomes).toEqual({ receipt: "not-given", known: "holds", included: "holds", checkpoint: "holds", witnessed: "holds", anchored: "holds" });
});

test("a service of the release before names the entry by its number alone", async () => {
  const pretend = new PretendPublic();
  pretend.set("status", { tracker: TRACKER, state: "witnessed", accepted_at: "2026-11-28T03:00:00Z", log_index: 0, anchors: [] });
  const { outcomes } = await check(pretend);
  expect(outcomes).toMatchObject({ included: "holds", witnessed: "holds", anchored: "not-yet" });
});

test.each<[string, (pretend: PretendPublic) => void, Partial<Record<StepName, string>>]>([
  ["the service knows no such ballot", (pretend) => pretend.set("status", null), { known: "fails", included: "not-yet" }],
  [
    "it is not logged yet",
    (pretend) => pretend.set("status", { tracker: TRACKER, state: "accepted", accepted_at: "2026-11-28T03:00:00Z", anchors: [] }),
    { known: "holds", included: "not-yet", checkpoint: "not-yet", witnessed: "not-yet" },
  ],
  ["no witness has seen it yet", (pretend) => pretend.set("/checkpoint/witnessed", null), { included: "holds", checkpoint: "holds", witnessed: "not-yet" }],
  ["the log has no such entry", (pretend) => pretend.set("/proofs/inclusion", null), { included: "fails" }],
  [
    "the proof is of another entry",
    (pretend) => pretend.set("/proofs/inclusion", { log_index: 0, size: 1, leaf_hash: bytesToHex(other), hashes: [], checkpoint: signed(other) }),
    { included: "fails" },
  ],
  ["witnesses saw another history", (pretend) => pretend.set("/checkpoint/witnessed", cosigned(other)), { included: "fails", witnessed: "holds" }],
  [
    "nobody cosigned",
    (pretend) => pretend.set("/checkpoint/witnessed", signed(LEAF)),
    { witnessed: "fails", included: "holds", checkpoint: "holds" },
  ],
  [
    "the head is signed by another log",
    (pretend) => {
      pretend.set("/checkpoint/witnessed", null);
      pretend.set("/proofs/inclusion", {
        log_index: 0,
        size: 1,
        leaf_hash: bytesToHex(LEAF),
        hashes: [],
        checkpoint: signed(LEAF).replaceAll("log.example", "other.example"),
      });
    },
    { checkpoint: "fails", included: "not-yet" },
  ],
])("%s", async (_, lie, expected) => {
  const pretend = new PretendPublic();
  lie(pretend);
  expect((await check(pretend)).outcomes).toMatchObject(expected);
});

test.each([
  ["of another ballot", { ...signedReceipt("A".repeat(43)), tracker: TRACKER }],
  ["of another election", { ...RECEIPT, election_uuid: "1".repeat(14) }],
  ["that was changed", { ...RECEIPT, accepted_at: "2026-11-28T03:00:13.000Z" }],
])("a receipt %s does not hold", async (_, receipt) => {
  expect((await check(new PretendPublic(), { tracker: TRACKER, receipt })).outcomes.receipt).toBe("fails");
});

test.each(["lost", 502])("while a service can't answer, nothing is said of the ballot (%s)", async (answer) => {
  for (const path of ["status", "/checkpoint/witnessed", "/proofs/inclusion"]) {
    const pretend = new PretendPublic();
    pretend.set(path, answer);
    await expect(check(pretend)).rejects.toThrow(Away);
  }
});

test("a tracker is read however it was typed, and what is none is none", () => {
  const wide = Array.from(TRACKER, (character) => String.fromCodePoint(character.codePointAt(0)! + 0xfee0)).join("");
  for (const text of [TRACKER, ` ${TRACKER}\n`, `${TRACKER.slice(0, 20)} ${TRACKER.slice(20)}`, wide]) {
    expect(readTracker(text)).toBe(TRACKER);
  }
  for (const text of ["", TRACKER.slice(1), `${TRACKER}A`, `${TRACKER}=`, TRACKER.replace(/./u, "-")]) {
    expect(readTracker(text)).toBeNull();
  }
});

test("the receipt is found in the text that the voting page saves", () => {
  const saved = ["投票を受け付けました", `追跡番号: ${TRACKER}`, JSON.stringify(RECEIPT), ""].join("\n");
  expect(readPasted(saved)).toEqual({ tracker: TRACKER, receipt: RECEIPT });
  expect(readPasted(TRACKER)).toEqual({ tracker: TRACKER, receipt: null });
  expect(readPasted(`追跡番号: ${TRACKER}`)).toBeNull();
  expect(readPasted('{"tracker": 1}')).toBeNull();
  expect(readPasted("{")).toBeNull();
});
