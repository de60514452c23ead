/** Casting over bad networks, busy services, reloads and earlier ballots. */

import type { Receipt } from "@tsukuba-evote/shared/check";
import { LyingService } from "@tsukuba-evote/shared/device";
import { describe, expect, test } from "vitest";

import type { Outcome } from "../vote/ballot_service.ts";
import { ASKED_AFTER_CLOSE_S, cast, type CastingDesk } from "../vote/casting.ts";
import type { CastStart, Event, Posting } from "../vote/machine.ts";

const tracker = "T".repeat(43);
const fresh: CastStart = { kind: "fresh", text: '{"ballot":1}', tracker, credential: "secret" };
const receipt: Receipt = {
  election_uuid: "1",
  tracker,
  position: { partition: 0, offset: 0 },
  accepted_at: "2026-11-28T00:00:00Z",
  signature: "",
};
const received: Outcome = { kind: "receipt", receipt };

/** A desk whose service answers like this, one answer after the other. */
function deskOf(outcomes: readonly Outcome[], rest: Partial<CastingDesk> = {}) {
  const [left, posted, kept, waits] = [[...outcomes], [] as string[], [] as Posting[], [] as number[]];
  const events: Event[] = [];
  const desk: CastingDesk = {
    post: async (body) => {
      // What is posted can be posted again after a reload.
      expect(kept.at(-1)?.body ?? body).toBe(body);
      posted.push(body);
      return left.shift()!;
    },
    keep: (posting) => kept.push(posting),
    sign: async (_, signed, number) => ({ number, signature: { challenge: signed, response: "0" } }),
    findInLog: async () => 1,
    checkReceipt: () => {},
    wait: async (seconds) => void waits.push(seconds),
    ...rest,
  };
  return { desk, posted, kept, waits, events, tell: (event: Event) => void events.push(event) };
}

test("the same bytes are posted again until there is an answer", async () => {
  const { desk, posted, waits, events, tell } = deskOf([
    { kind: "no-answer" },
    { kind: "no-answer" },
    { kind: "busy", waitS: 7, recorded: "no" },
    { kind: "no-answer" },
    received,
  ]);
  await cast(fresh, desk, tell);
  expect(new Set(posted).size).toBe(1);
  expect(posted).toHaveLength(5);
  expect(JSON.parse(posted[0]!)).toEqual({
    ballot: '{"ballot":1}',
    order: { number: 1, signature: { challenge: tracker, response: "0" } },
  });
  // Slower and slower, and as long as the service says.
  expect(waits).toEqual([2, 4, 7, 2]);
  expect(events.at(-1)).toEqual({ type: "received", receipt });
  expect(events.filter(({ type }) => type === "received")).toHaveLength(1);
});

test("what is kept for a reload holds no credential", async () => {
  const { desk, kept, tell } = deskOf([received]);
  await cast(fresh, desk, tell);
  expect(kept).toHaveLength(1);
  expect(JSON.stringify(kept)).not.toContain("secret");
});

test("after a reload the very bytes go out that went out before", async () => {
  const first = deskOf([received]);
  await cast(fresh, first.desk, first.tell);
  const second = deskOf([received]);
  await cast({ kind: "reloaded", ...first.kept[0]! }, second.desk, second.tell);
  expect(second.posted).toEqual(first.posted);
});

test("told of an earlier ballot, the device looks for it in the log and signs the same ballot one above", async () => {
  const looked: string[] = [];
  const { desk, posted, tell, events } = deskOf(
    [{ kind: "earlier-ballot", lastNumber: 9, lastTracker: "E".repeat(43) }, { kind: "no-answer" }, received],
    {
      findInLog: async (credential, of) => {
        looked.push(`${credential} ${of}`);
        return 3;
      },
    },
  );
  await cast(fresh, desk, tell);
  expect(looked).toEqual([`secret ${"E".repeat(43)}`]);
  const numbers = posted.map((body) => (JSON.parse(body) as { order: { number: number } }).order.number);
  // The log's number counts, not the one that the service told.
  expect(numbers).toEqual([1, 4, 4]);
  expect(events.at(-1)?.type).toBe("received");
});

test("a service that says of the ballot itself that it stands, and gives no receipt, is lying", async () => {
  const { desk, tell } = deskOf([{ kind: "earlier-ballot", lastNumber: 1, lastTracker: tracker }]);
  await expect(cast(fresh, desk, tell)).rejects.toThrow(LyingService);
});

test("a service that always knows an earlier ballot doesn't keep the voter for ever", async () => {
  const { desk, tell, posted, events } = deskOf(
    Array.from({ length: 9 }, () => ({ kind: "earlier-ballot", lastNumber: 1, lastTracker: "E".repeat(43) }) as const),
  );
  await cast(fresh, desk, tell);
  expect(posted).toHaveLength(6);
  expect(events.at(-1)).toEqual({ type: "refused", slug: "older-than-your-last-ballot" });
});

test("after a reload a newer ballot of another device is left standing, and the voter is told", async () => {
  const { desk, tell, events } = deskOf([{ kind: "earlier-ballot", lastNumber: 1, lastTracker: "E".repeat(43) }]);
  await cast({ kind: "reloaded", tracker, body: "{}" }, desk, tell);
  expect(events.at(-1)).toEqual({ type: "refused", slug: "older-than-your-last-ballot" });
});

test("a receipt that doesn't hold is none", async () => {
  const { desk, tell, events } = deskOf([received], {
    checkReceipt: () => {
      throw new LyingService("the receipt is for another ballot");
    },
  });
  await expect(cast(fresh, desk, tell)).rejects.toThrow(LyingService);
  expect(events.map(({ type }) => type)).not.toContain("received");
});

test("a refusal for good is told once, and nothing is posted any more", async () => {
  const { desk, tell, posted, events } = deskOf([{ kind: "refused", slug: "election-closed" }]);
  await cast(fresh, desk, tell);
  expect(posted).toHaveLength(1);
  expect(events.at(-1)).toEqual({ type: "refused", slug: "election-closed" });
});

describe("who is told that the election is closed", () => {
  const closed: Outcome = { kind: "closed-by-clock" };
  const settled: Outcome = { kind: "refused", slug: "election-closed" };
  const missed: readonly [string, CastStart, readonly Outcome[]][] = [
    ["after no answer", fresh, [{ kind: "no-answer" }, closed]],
    ["after the log was away", fresh, [{ kind: "busy", waitS: 2, recorded: "perhaps" }, closed]],
    ["after no answer, and a busy service", fresh, [{ kind: "no-answer" }, { kind: "busy", waitS: 2, recorded: "no" }, closed]],
    ["after an earlier load of the page posted it", { kind: "reloaded", tracker, body: "{}" }, [closed]],
  ];

  test.each(missed)("%s, has the same bytes asked for until their receipt comes", async (_, start, before) => {
    const { desk, tell, posted, waits, events } = deskOf([...before, closed, { kind: "no-answer" }, received]);
    await cast(start, desk, tell);
    expect(new Set(posted).size).toBe(1);
    expect(posted).toHaveLength(before.length + 3);
    expect(waits.slice(-3)).toEqual([2, 4, 8]);
    expect(events.slice(-2)).toEqual([
      { type: "delayed", delay: { why: "closed" } },
      { type: "received", receipt },
    ]);
  });

  test.each(missed)("%s, is told at once where that is settled", async (_, start, before) => {
    const { desk, tell, posted, events } = deskOf([...before.slice(0, -1), settled]);
    await cast(start, desk, tell);
    expect(posted).toHaveLength(before.length);
    expect(events.map(({ type }) => type)).not.toContain("received");
    expect(events).not.toContainEqual({ type: "delayed", delay: { why: "closed" } });
    expect(events.at(-1)).toEqual({ type: "refused", slug: "election-closed" });
  });

  test.each(missed)("%s, is asked for no longer than until that is settled", async (_, start, before) => {
    const { desk, tell, posted, events } = deskOf([...before, closed, { kind: "busy", waitS: 3, recorded: "no" }, settled]);
    await cast(start, desk, tell);
    expect(posted).toHaveLength(before.length + 3);
    expect(events.at(-1)).toEqual({ type: "refused", slug: "election-closed" });
  });

  test("and never had a receipt is told at last that nobody knows, after a while and many pauses", async () => {
    const { desk, tell, posted, waits, events } = deskOf([{ kind: "no-answer" }, ...Array.from({ length: 50 }, () => closed)]);
    await cast(fresh, desk, tell);
    const pauses = waits.slice(1);
    expect(pauses).toEqual(pauses.toSorted((one, other) => one - other));
    expect(Math.max(...pauses)).toBe(60);
    const askedForS = pauses.reduce((sum, pause) => sum + pause, 0);
    expect(askedForS).toBeGreaterThanOrEqual(ASKED_AFTER_CLOSE_S);
    expect(askedForS - pauses.at(-1)!).toBeLessThan(ASKED_AFTER_CLOSE_S);
    expect(posted).toHaveLength(2 + pauses.length);
    expect(events.at(-1)).toEqual({ type: "refused", slug: "no-answer-by-the-close" });
  });

  test("and gets a receipt that doesn't hold has none", async () => {
    const { desk, tell, events } = deskOf([{ kind: "no-answer" }, closed, received], {
      checkReceipt: () => {
        throw new LyingService("the receipt is for another ballot");
      },
    });
    await expect(cast(fresh, desk, tell)).rejects.toThrow(LyingService);
    expect(events.map(({ type }) => type)).not.toContain("received");
  });

  test.each([closed, settled])("after a busy service that recorded nothing is not kept in doubt: %o", async (told) => {
    const { desk, tell, posted, events } = deskOf([{ kind: "busy", waitS: 2, recorded: "no" }, told]);
    await cast(fresh, desk, tell);
    expect(posted).toHaveLength(2);
    expect(events.at(-1)).toEqual({ type: "refused", slug: "election-closed" });
  });
});
