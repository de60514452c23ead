/** What the page does with services, storage and configuration that aren't as they should be. */

import { connect } from "@tsukuba-evote/shared/api";
import { describe, expect, test, vi } from "vitest";

import { canonical } from "../../shared/belenios/canonical.ts";
import { readConfig } from "../app/config.ts";
import { Patience } from "../app/patience.ts";
import { type Outcome, post } from "../vote/ballot_service.ts";
import { numberInLog } from "../vote/earlier_ballots.ts";
import { Keeper, tabStorage } from "../vote/kept.ts";
import { followProgress, type Progress } from "../vote/progress.ts";
import { ELECTION, LOG_KEY, PretendServices, problem, URLS } from "./pretend.ts";

const { signal } = new AbortController();
const TRACKER = "T".repeat(43);

describe("an answer to a cast", () => {
  const receipt = { election_uuid: "1", tracker: TRACKER, position: { partition: 0, offset: 1 }, accepted_at: "2026", signature: "s" };
  const cases: readonly [string, () => Response, Outcome][] = [
    ["a receipt", () => Response.json(receipt, { status: 201 }), { kind: "receipt", receipt }],
    ["a first receipt again", () => Response.json(receipt), { kind: "receipt", receipt }],
    ["200 without a receipt", () => Response.json({}), { kind: "no-answer" }],
    ["a proxy's page", () => new Response("<html>", { status: 502 }), { kind: "no-answer" }],
    ["a portal's page with 200", () => new Response("<html>"), { kind: "no-answer" }],
    ["a failure in the middle", () => problem(500, "internal-error"), { kind: "no-answer" }],
    ["giving up", () => problem(408, "abandoned"), { kind: "no-answer" }],
    ["overload", () => problem(503, "overloaded", {}, 4), { kind: "busy", waitS: 4, recorded: "no" }],
    ["overload without an hour", () => problem(503, "overloaded"), { kind: "busy", waitS: 5, recorded: "no" }],
    ["overload for a year", () => problem(503, "overloaded", {}, 999_999), { kind: "busy", waitS: 120, recorded: "no" }],
    ["too many requests", () => problem(429, "rate-limited", {}, 0), { kind: "busy", waitS: 1, recorded: "no" }],
    ["the hour, before the close", () => problem(503, "close-pending", {}, 3), { kind: "busy", waitS: 3, recorded: "no" }],
    ["a log that is away, perhaps behind the record", () => problem(503, "log-unavailable", {}, 2), { kind: "busy", waitS: 2, recorded: "perhaps" }],
    ["a proxy that is busy", () => new Response("<html>", { status: 503 }), { kind: "busy", waitS: 5, recorded: "perhaps" }],
    ["a refusal", () => problem(403, "no-ballots-left"), { kind: "refused", slug: "no-ballots-left" }],
    ["a close that is a fact", () => problem(403, "election-closed", { settled: true }), { kind: "refused", slug: "election-closed" }],
    ["a close by the clock", () => problem(403, "election-closed"), { kind: "closed-by-clock" }],
    ["a close that nobody says is a fact", () => problem(403, "election-closed", { settled: "no" }), { kind: "closed-by-clock" }],
    [
      "an earlier ballot",
      () => problem(409, "older-than-your-last-ballot", { last_number: 3, last_tracker: TRACKER }),
      { kind: "earlier-ballot", lastNumber: 3, lastTracker: TRACKER },
    ],
    [
      "an earlier ballot without its tracker",
      () => problem(409, "older-than-your-last-ballot", { last_number: 3, last_tracker: "../x" }),
      { kind: "refused", slug: "older-than-your-last-ballot" },
    ],
  ];

  test.each(cases)("%s", async (_, answer, outcome) => {
    const bodies: string[] = [];
    const services = connect(URLS, async (request) => {
      bodies.push(await request.text());
      return answer();
    });
    expect(await post(services, "1", '{"ballot":"{}",  "order":{}}', signal)).toEqual(outcome);
    // To the byte.
    expect(bodies).toEqual(['{"ballot":"{}",  "order":{}}']);
  });

  test("none at all ends the attempt after a while", async () => {
    vi.useFakeTimers();
    const services = connect(
      URLS,
      (request) =>
        new Promise((_, reject) => {
          request.signal.addEventListener("abort", () => {
            reject(request.signal.reason as Error);
          });
        }),
    );
    const outcome = post(services, "1", "{}", signal);
    await vi.advanceTimersByTimeAsync(20_000);
    vi.useRealTimers();
    expect(await outcome).toEqual({ kind: "no-answer" });
  });
});

describe("the number of an earlier ballot", () => {
  /** The pretend services with one ballot in them, whose answers are changed on the way. */
  async function numberThrough(change: (path: string, answer: unknown) => unknown): Promise<number> {
    const pretend = new PretendServices();
    await pretend.castOne();
    const changed = connect(URLS, async (request) => {
      const { pathname } = new URL(request.url);
      const answer = (await (await pretend.answer(request)).json()) as unknown;
      return Response.json(change(pathname.split("/").at(-1)!, answer));
    });
    return numberInLog(pretend.taken[0]!.receipt.tracker, {
      services: changed,
      election: ELECTION,
      credential: pretend.credential,
      prove: async () => ({ challenge: "1", response: "1" }),
      logKey: LOG_KEY,
      wait: async () => {},
      signal,
    });
  }

  test("is the one that the voter signed, once the log has it", async () => {
    expect(await numberThrough((_, answer) => answer)).toBe(1);
  });

  const ownBallots = (change: (record: { data: Record<string, unknown> }) => void) => (path: string, answer: unknown) => {
    if (path !== "own-ballots") {
      return answer;
    }
    const { items, ...rest } = answer as { items: { record: string }[] };
    const record = JSON.parse(items[0]!.record) as { data: Record<string, unknown> };
    change(record);
    return { ...rest, items: [{ ...items[0], record: canonical(record as never) }] };
  };

  test("is not a larger one that the service made up", async () => {
    const larger = ownBallots(({ data }) => {
      data["order"] = { ...(data["order"] as object), number: 7 };
    });
    await expect(numberThrough(larger)).rejects.toThrow("did not sign");
  });

  test("is not that of another ballot's record", async () => {
    const other = ownBallots(({ data }) => {
      data["tracker"] = "E".repeat(43);
    });
    await expect(numberThrough(other)).rejects.toThrow("another ballot");
  });

  test("is not believed under a head that the log didn't sign", async () => {
    const forged = (path: string, answer: unknown) =>
      path === "inclusion" ? { ...(answer as { checkpoint: string }), checkpoint: "log.example\n1\nAAAA\n\n— log.example AAAA\n" } : answer;
    await expect(numberThrough(forged)).rejects.toMatchObject({ name: "CheckFailed" });
  });

  test("is not believed for a proof that leads elsewhere", async () => {
    const elsewhere = (path: string, answer: unknown) => (path === "inclusion" ? { ...(answer as object), hashes: ["ab".repeat(32)] } : answer);
    await expect(numberThrough(elsewhere)).rejects.toMatchObject({ name: "CheckFailed", step: "inclusion" });
  });

  test("is waited for while the service doesn't show the ballot, and not for ever", async () => {
    const hidden = (path: string, answer: unknown) => (path === "own-ballots" ? { ...(answer as object), items: [] } : answer);
    await expect(numberThrough(hidden)).rejects.toThrow("none of this credential");
  });
});

describe("the tab's storage", () => {
  test("that holds something else is erased", () => {
    const entries = new Map([["tsukuba-evote", '{"kind":"posting"}']]);
    const storage = {
      getItem: (key: string) => entries.get(key) ?? null,
      removeItem: (key: string) => void entries.delete(key),
    } as unknown as Storage;
    expect(new Keeper(storage).recall("1")).toBeNull();
    expect(entries.size).toBe(0);
  });

  test("that the browser forbids is done without", () => {
    const forbidding = {
      get sessionStorage(): Storage {
        throw new DOMException("", "SecurityError");
      },
    };
    const keeper = new Keeper(tabStorage(forbidding));
    keeper.keep({ kind: "posting", election_uuid: "1", tracker: TRACKER, body: "{}" });
    expect(keeper.recall("1")).toBeNull();
  });

  test("of another election is left alone", () => {
    const entries = new Map<string, string>();
    const storage = {
      getItem: (key: string) => entries.get(key) ?? null,
      setItem: (key: string, value: string) => void entries.set(key, value),
      removeItem: (key: string) => void entries.delete(key),
    } as unknown as Storage;
    const keeper = new Keeper(storage);
    keeper.keep({ kind: "posting", election_uuid: "1", tracker: TRACKER, body: "{}" });
    expect(keeper.recall("2")).toBeNull();
    expect(keeper.recall("1")).toMatchObject({ kind: "posting", body: "{}" });
  });
});

describe("waiting", () => {
  const network = () => {
    const listeners: (() => void)[] = [];
    return { window: { addEventListener: (_: "online", listener: () => void) => void listeners.push(listener) }, listeners };
  };

  test("ends when the network comes back, or the voter wants to try", async () => {
    const { window, listeners } = network();
    const patience = new Patience(window, signal);
    for (const end of [listeners[0]!, patience.hurry]) {
      const waiting = patience.wait(3600);
      await Promise.resolve();
      end();
      await waiting;
    }
  });

  test("breaks off when the page is left", async () => {
    const left = new AbortController();
    const patience = new Patience(network().window, left.signal);
    const waiting = patience.wait(3600);
    left.abort();
    await expect(waiting).rejects.toThrow();
    await expect(patience.wait(1)).rejects.toThrow();
  });
});

test("how far a ballot is is asked more and more seldom, past outages, until the last stage", async () => {
  const answers: (() => Response)[] = [
    () => Response.json({ state: "accepted" }),
    () => problem(404, "unknown-tracker"),
    () => {
      throw new TypeError("Failed to fetch");
    },
    () => Response.json({ state: "witnessed" }),
    () => Response.json({ state: "anchored" }),
  ];
  const [told, waits] = [[] as Progress[], [] as number[]];
  const services = connect(URLS, async () => answers.shift()!());
  await followProgress(services, "1", TRACKER, async (seconds) => void waits.push(seconds), signal, (progress) => void told.push(progress));
  expect(told).toEqual(["accepted", "unknown", "unknown", "witnessed", "anchored"]);
  expect(waits).toEqual([2, 3, 4.5, 6.75]);
});

describe("the configuration", () => {
  const key = btoa("k".repeat(32));
  const good = {
    authority: "つくば市選挙管理委員会",
    helpdesk: "029-000-0000",
    services: URLS,
    receipt_key: key,
    log_key: `${LOG_KEY.name}+${LOG_KEY.keyId}+${btoa(String.fromCharCode(1, ...LOG_KEY.key))}`,
    code_key: null,
    check_page: "https://check.example/",
  };

  test("is read with its keys", () => {
    expect(readConfig(good)).toMatchObject({ receiptKey: new TextEncoder().encode("k".repeat(32)), logKey: LOG_KEY, codeKey: null });
    expect(readConfig({ ...good, code_key: key }).codeKey).toHaveLength(32);
  });

  test("says whether cards are taken, and where it says nothing they are", () => {
    expect(readConfig(good).card).toBe(true);
    expect(readConfig({ ...good, card: false }).card).toBe(false);
  });

  test("offers no face where no service compares one", () => {
    const { biometric: _, ...others } = URLS;
    const read = readConfig({ ...good, services: others, code_key: key });
    expect(read.codeKey).toBeNull();
    expect(connect(read.services, async () => new Response()).biometric).toBeNull();
  });

  test.each([
    ["a short key", { receipt_key: btoa("k") }],
    ["a key that is none", { receipt_key: "?" }],
    ["a log's key that is none", { log_key: "log" }],
    ["an address with a path", { services: { ...URLS, auth: "https://auth.example/path" } }],
    ["no helpdesk", { helpdesk: undefined }],
  ])("with %s is none", (_, changed) => {
    expect(() => readConfig({ ...good, ...changed })).toThrow();
  });
});
