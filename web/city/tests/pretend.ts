/** Pretend answers of a wall's own server for tests, in memory, and what a wall has outside of it. */

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

import type { Config } from "../app/config.ts";
import type { Outside } from "../pages/wall.tsx";
import type { Name } from "../read/reads.ts";

export const NOW = Date.parse("2026-11-29T03:30:20Z");
const seconds = (instant: number) => instant / 1000;

/** Series of an instant query, as Prometheus writes them. */
export function vector(...series: readonly (readonly [Record<string, string>, number])[]) {
  return { status: "success", data: { resultType: "vector", result: series.map(([metric, value]) => ({ metric, value: [seconds(NOW), String(value)] })) } };
}

export function firing(alertname: string, severity: "page" | "ticket" | "none", labels: Record<string, string> = {}) {
  return [{ alertname, severity, alertstate: "firing", ...labels }, 1] as const;
}

export const WATCHDOG = firing("EvoteWatchdog", "none");
const SATO = utf8ToBytes("the key of Sato, who is invented");
export const SERVICES = ["auth", "ballot", "biometric", "ledger-anchor", "tally", "resident", "board"] as const;
const ELECTION = "HwBwmsoQRdJk6o";
export const CONFIG: Config = {
  election: ELECTION,
  officers: { deployment: "local", persons: new Map([["sato", [ed25519.getPublicKey(SATO)]]]) },
  helpdesk: "選挙管理委員会 029-000-0000",
  ways: ["card", "phone", "face", "station"],
  previous: { name: "令和4年", rates: [{ day: 1, time: "10:00", rate: "5.12" }, { day: 1, time: "12:00", rate: "14.90" }], final: "37.50" },
};

/** The file as `evote wall` writes it; `change` is what somebody else does to the statement before it is signed. */
export function spoken(said: readonly object[], time: string, change: object = {}, key = SATO) {
  const announcements = JSON.stringify(said);
  const statement = {
    body_sha256: bytesToHex(sha256(utf8ToBytes(announcements))),
    deployment: "local",
    kind: "tsukuba-evote officer command v1",
    method: "PUT",
    nonce: "00112233445566778899aabbccddeeff",
    path: `/elections/${ELECTION}/announcements.json`,
    person: "sato",
    reason: "知らせ",
    service: "front",
    time,
    ...change,
  };
  const names = Object.keys(statement).toSorted() as (keyof typeof statement)[];
  const signature = btoa(String.fromCharCode(...ed25519.sign(utf8ToBytes(JSON.stringify(statement, names)), key)));
  return { announcements, statements: [JSON.stringify({ ...statement, signature })] };
}

export class PretendServer {
  now = NOW;
  /** By how much this machine's clock is behind the server's. */
  behind = 0;
  readonly rung: number[] = [];
  readonly kept = new Map<string, string>();
  readonly answers: Record<Name, unknown> = {
    election: { name: "模擬住民投票", opens_at: "2026-11-28T22:00:00Z", closes_at: "2026-11-29T11:00:00Z", opened_at: "2026-11-28T22:00:01Z", closed_at: null },
    turnout: { accepted: 41_234, logged: 41_232, voters: 40_001, roll_size: 200_000, as_of: "2026-11-29T03:30:00Z" },
    hours: {
      items: [
        { until: "2026-11-29T01:00:00Z", voters: 12_345 },
        { until: "2026-11-29T03:00:00Z", voters: 38_000 },
      ],
      as_of: "2026-11-29T03:30:00Z",
    },
    coverage: { size: 41_260, witnessed_size: 41_258, chains: [{ chain: "ethereum", ledger: "eip155:1:0xA", verified_size: 41_000 }] },
    notices: { items: [] },
    announcements: [],
    alerts: vector(WATCHDOG),
    "judged-at": vector([{}, seconds(NOW) - 5]),
    "scraped-at": vector(...SERVICES.map((service) => [{ service }, seconds(NOW) - 5] as const)),
    "logged-within": vector([{}, 0.42]),
    "unlogged-for": vector([{}, 0]),
    "witnesses-asked": vector([{}, 2]),
    "anchoring-waits": vector([{ chain: "ethereum" }, 200]),
    "receipt-within": vector([{}, 0.081]),
    "ballots-waiting": vector([{}, 3]),
    "releases-waiting": vector([{ way: "card" }, 12], [{ way: "face" }, 0], [{ way: "phone" }, 1_204]),
    "pictures-waiting": vector([{}, 4]),
    "face-waits": vector([{}, 2.5]),
  };

  /** Answers as the edge would; what is `null` is lost. */
  readonly fetch = async (input: RequestInfo | URL): Promise<Response> => {
    const answer = this.answers[String(input).replace("/read/", "") as Name];
    if (answer === null) {
      throw new TypeError("Failed to fetch");
    }
    return typeof answer === "number"
      ? new Response("<html>", { status: answer })
      : Response.json(answer, { headers: { date: new Date(this.now).toUTCString() } });
  };

  /** So many seconds later, all that tells its own time is of then. */
  pass(secondsLater: number): void {
    this.now += secondsLater * 1000;
    const [instant, text] = [seconds(this.now) - 5, new Date(this.now - 20_000).toISOString()];
    Object.assign(this.answers.turnout as object, { as_of: text });
    Object.assign(this.answers.hours as object, { as_of: text });
    this.answers["judged-at"] = vector([{}, instant]);
    this.answers["scraped-at"] = vector(...SERVICES.map((service) => [{ service }, instant] as const));
  }

  fire(...alerts: readonly (readonly [Record<string, string>, number])[]): void {
    this.answers.alerts = vector(WATCHDOG, ...alerts);
  }

  /** @param pause how the wall waits between two rounds. */
  outside(pause: Outside["pause"]): Outside {
    return {
      fetch: this.fetch as typeof globalThis.fetch,
      clock: () => this.now - this.behind,
      seen: document,
      pause,
      memory: { getItem: (name) => this.kept.get(name) ?? null, setItem: (name, value) => void this.kept.set(name, value) },
      openBell: () => ({ ring: () => this.rung.push(this.now), close: () => {} }),
    };
  }
}
