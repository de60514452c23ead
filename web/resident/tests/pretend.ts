/**
 * Pretend services for tests: one credential, one election of the shared vectors, everything in memory. The ballot service verifies
 * ballots and orders as the real one does and signs real receipts; the log has real proofs. They are stand-ins all the same: what the
 * real ones do is for the tests against the whole system.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { connect } from "@tsukuba-evote/shared/api";
import { type Choices, type Election, type Json, parseBallot, parseElection, prepareBallot, publicCredential, signOrder, systemRandom, verifyBallot, verifyOrder } from "@tsukuba-evote/shared/belenios";
import { leafHash, parseLogKey, type Receipt, recordOf } from "@tsukuba-evote/shared/check";

import { canonical } from "../../shared/belenios/canonical.ts";
import { toBase64 } from "../../shared/belenios/bytes.ts";
import { vectors } from "../../shared/tests/vectors.ts";
import type { startProtocol } from "@tsukuba-evote/shared/worker";
import { newProtocol } from "@tsukuba-evote/shared/worker";

interface Vector {
  readonly election: string;
  readonly credential: string;
  readonly choices: Choices;
}

const { accepted } = vectors<{ accepted: readonly Vector[] }>("ed25519/ballots.json");
export const ELECTION_TEXT = accepted[0]!.election;
export const CREDENTIAL = accepted[0]!.credential;
export const ELECTION: Election = parseElection(ELECTION_TEXT);
export const URLS = {
  auth: "https://auth.example",
  ballot: "https://ballot.example",
  biometric: "https://biometric.example",
  log: "https://log.example",
  tally: "https://tally.example",
};

const RECEIPT_SECRET = new Uint8Array(32).fill(11);
const LOG_SECRET = new Uint8Array(32).fill(12);
const LOG_NAME = "log.example";
export const RECEIPT_KEY = ed25519.getPublicKey(RECEIPT_SECRET);
const LOG_MATERIAL = concatBytes(Uint8Array.of(1), ed25519.getPublicKey(LOG_SECRET));
const LOG_KEY_ID = sha256(concatBytes(utf8ToBytes(`${LOG_NAME}\n`), LOG_MATERIAL)).slice(0, 4);
export const LOG_KEY = parseLogKey(`${LOG_NAME}+${bytesToHex(LOG_KEY_ID)}+${toBase64(LOG_MATERIAL)}`);

/** The protocol without a worker between. */
export function directProtocol(): ReturnType<typeof startProtocol> {
  const protocol = newProtocol(systemRandom);
  return new Proxy(protocol, {
    get:
      (target, name: keyof typeof protocol) =>
      async (...parameters: never[]) =>
        (target[name] as (...given: never[]) => unknown)(...parameters),
  }) as unknown as ReturnType<typeof startProtocol>;
}

/** An answer that never comes. */
export const LOST = "lost";
type Interruption = typeof LOST | { readonly status: number; readonly slug: string | null; readonly facts?: object; readonly retryAfter?: number };
/** What the release before says by its clock, and this one by the log. */
export const CLOSED_BY_CLOCK = { status: 403, slug: "election-closed" };
export const CLOSED = { ...CLOSED_BY_CLOCK, facts: { settled: true } };

interface Taken {
  readonly text: string;
  readonly number: number;
  readonly receipt: Receipt;
  readonly record: string;
}

/** Everything that the page asks; `asked` is what left the page. */
export class PretendServices {
  readonly asked: { readonly url: string; readonly method: string; readonly body: string; readonly whole: string }[] = [];
  readonly taken: Taken[] = [];
  /** For the next casts, one each: the ballot is taken in, and its answer does not come, or before it is taken in. */
  readonly afterTaking: Interruption[] = [];
  readonly beforeTaking: Interruption[] = [];
  #receiptSecret: Uint8Array = RECEIPT_SECRET;
  readonly services = connect(URLS, (request) => this.answer(request));
  /** The one public credential of the list. */
  readonly credential = publicCredential(CREDENTIAL, ELECTION);

  /** Receipts are signed with another key from now on. */
  signsWith(secret: Uint8Array): void {
    this.#receiptSecret = secret;
  }

  get casts(): readonly string[] {
    return this.asked.filter(({ url }) => url.endsWith("/ballots")).map(({ body }) => body);
  }

  /** As if the voter had voted elsewhere. */
  async castOne(): Promise<void> {
    const ballot = prepareBallot(ELECTION, CREDENTIAL, accepted[0]!.choices, systemRandom);
    const order = signOrder(ELECTION, CREDENTIAL, ballot.tracker, 1, systemRandom);
    await this.services.ballot.POST("/elections/{election_uuid}/ballots", {
      params: { path: { election_uuid: ELECTION.uuid } },
      body: { ballot: ballot.text, order: order as never },
    });
  }

  /** Where the list of public credentials is, as far as the voter's line goes. */
  listPath = "/public_creds/0";

  async answer(request: Request): Promise<Response> {
    const { url, method } = request;
    const body = await request.text();
    const whole = [url, JSON.stringify([...request.headers]), request.credentials, body].join(" ");
    this.asked.push({ url, method, body, whole });
    const path = url.replace(/^https:\/\/[a-z]+\.example/, "").replace(`/elections/${ELECTION.uuid}`, "");
    if (path === this.listPath) {
      return new Response(JSON.stringify([`${this.credential},1`]));
    }
    if (path === "/ballots" && method === "POST") {
      return this.#cast(body);
    }
    if (path === "/own-ballots/challenges") {
      return Response.json({ challenge: "a.challenge" }, { status: 201 });
    }
    if (path === "/own-ballots") {
      const items = this.taken.map(({ receipt, number, record }) => ({ tracker: receipt.tracker, number, record }));
      return Response.json({ items, last_number: items.length, ballots_left: 99 });
    }
    if (path.startsWith("/status/")) {
      return Response.json({ tracker: "", state: "witnessed", accepted_at: "", anchors: [] });
    }
    if (path.startsWith("/proofs/inclusion")) {
      return this.#proof(new URL(url).searchParams.get("leaf_hash")!);
    }
    return problem(404, "not-found");
  }

  #cast(body: string): Response {
    const before = this.beforeTaking.shift();
    if (before !== undefined) {
      return interrupted(before);
    }
    const { ballot: text, order } = JSON.parse(body) as { ballot: string; order: Json };
    const ballot = parseBallot(ELECTION, text);
    verifyBallot(ELECTION, ballot);
    const tracker = toBase64(sha256(utf8ToBytes(text))).replace(/=+$/, "");
    const known = this.taken.find((taken) => taken.text === text);
    if (known !== undefined) {
      return this.#receipt(known, 200);
    }
    const number = verifyOrder(ELECTION, order, tracker, ballot.credential);
    const last = this.taken.at(-1);
    if (last !== undefined && number <= last.number) {
      return problem(409, "older-than-your-last-ballot", { last_number: last.number, last_tracker: last.receipt.tracker });
    }
    const said = {
      election_uuid: ELECTION.uuid,
      tracker,
      position: { partition: 0, offset: this.taken.length },
      accepted_at: "2026-11-28T03:00:00Z",
    };
    const receipt = { ...said, signature: toBase64(ed25519.sign(utf8ToBytes(canonical(said)), this.#receiptSecret)) };
    const record = new TextDecoder().decode(recordOf(text, ballot.credential, order as never, receipt));
    const taken = { text, number, receipt, record };
    this.taken.push(taken);
    return this.#receipt(taken, 201);
  }

  #receipt({ receipt }: Taken, status: number): Response {
    const interruption = this.afterTaking.shift();
    return interruption === undefined ? Response.json(receipt, { status }) : interrupted(interruption);
  }

  /** A log of one record: its head is the leaf's hash. */
  #proof(leaf: string): Response {
    const root = this.taken.map(({ record }) => leafHash(utf8ToBytes(record))).find((hash) => bytesToHex(hash) === leaf);
    if (root === undefined) {
      return problem(404, "unknown-leaf");
    }
    const text = `${LOG_NAME}\n1\n${toBase64(root)}\n`;
    const signature = concatBytes(LOG_KEY_ID, ed25519.sign(utf8ToBytes(text), LOG_SECRET));
    const checkpoint = `${text}\n\u2014 ${LOG_NAME} ${toBase64(signature)}\n`;
    return Response.json({ log_index: 0, size: 1, leaf_hash: leaf, hashes: [], checkpoint });
  }
}

export function problem(status: number, slug: string, facts: object = {}, retryAfter?: number): Response {
  const headers = { "Content-Type": "application/problem+json", ...(retryAfter === undefined ? {} : { "Retry-After": `${retryAfter}` }) };
  return Response.json({ type: `urn:tsukuba-evote:problem:${slug}`, ...facts }, { status, headers });
}

function interrupted(interruption: Interruption): Response {
  if (interruption === LOST) {
    // What fetch throws when the connection is lost.
    throw new TypeError("Failed to fetch");
  }
  const { status, slug, facts = {}, retryAfter } = interruption;
  return slug === null ? new Response("<html>Bad gateway</html>", { status }) : problem(status, slug, facts, retryAfter);
}
