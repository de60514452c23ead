/**
 * Pretend public services for tests, in memory: one ballot of the shared vectors in a log of one entry, with real signatures of log,
 * witness and receipt. What the real ones do is for the tests against the whole system.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { connectPublic } from "@tsukuba-evote/shared/api";
import { type Choices, type Election, parseElection, trackerOf } from "@tsukuba-evote/shared/belenios";
import { type CameraFault, CameraRefused } from "@tsukuba-evote/shared/camera";
import { leafHash, parsePolicy, type Receipt } from "@tsukuba-evote/shared/check";
import type { Scanner } from "@tsukuba-evote/shared/scan";

import { toBase64 } from "../../shared/belenios/bytes.ts";
import { canonical } from "../../shared/belenios/canonical.ts";
import { vectors } from "../../shared/tests/vectors.ts";

interface Vector {
  readonly election: string;
  readonly credential: string;
  readonly choices: Choices;
  readonly ballot: string;
}

const { accepted } = vectors<{ accepted: readonly Vector[] }>("ed25519/ballots.json");
export const ELECTION_TEXT = accepted[0]!.election;
export const CREDENTIAL = accepted[0]!.credential;
export const CHOICES = accepted[0]!.choices;
export const ELECTION: Election = parseElection(ELECTION_TEXT);
export const TRACKER = trackerOf(accepted[0]!.ballot);

const RECEIPT_SECRET = new Uint8Array(32).fill(11);
export const RECEIPT_KEY = ed25519.getPublicKey(RECEIPT_SECRET);
const LOG = signer("log.example", 1, 12);
const WITNESS = signer("witness.example", 4, 13);
export const POLICY = parsePolicy(`log ${LOG.text}\nwitness one ${WITNESS.text}\nquorum one\n`);
const URLS = { ballot: "https://ballot.example", log: "https://log.example", tally: "https://tally.example" };

export const RECEIPT: Receipt = signedReceipt(TRACKER);

export function signedReceipt(tracker: string): Receipt {
  const said = { election_uuid: ELECTION.uuid, tracker, position: { partition: 0, offset: 3 }, accepted_at: "2026-11-28T03:00:12.000Z" };
  return { ...said, signature: toBase64(ed25519.sign(utf8ToBytes(canonical(said)), RECEIPT_SECRET)) };
}

/** A key of C2SP signed-note, with what signs under it. */
function signer(name: string, type: number, fill: number) {
  const secret = new Uint8Array(32).fill(fill);
  const material = concatBytes(Uint8Array.of(type), ed25519.getPublicKey(secret));
  const id = sha256(concatBytes(utf8ToBytes(`${name}\n`), material)).slice(0, 4);
  return {
    name,
    text: `${name}+${bytesToHex(id)}+${toBase64(material)}`,
    line: (message: string, before = new Uint8Array()) =>
      `\u2014 ${name} ${toBase64(concatBytes(id, before, ed25519.sign(utf8ToBytes(message), secret)))}\n`,
  };
}

const RECORD = utf8ToBytes("the record");
export const LEAF = leafHash(RECORD);

function headOf(root: Uint8Array): string {
  return `${LOG.name}\n1\n${toBase64(root)}\n`;
}

export function cosigned(root: Uint8Array): string {
  const time = 1_795_000_000;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(time));
  const text = headOf(root);
  return `${text}\n${LOG.line(text)}${WITNESS.line(`cosignature/v1\ntime ${time}\n${text}`, bytes)}`;
}

export function signed(root: Uint8Array): string {
  const text = headOf(root);
  return `${text}\n${LOG.line(text)}`;
}

const ANCHOR = { chain: "ethereum", ledger: "eip155:1:0xA", size: 1, transaction: "0xfeed", block: 7 };

/** Answers by path; a test overwrites what it is about. `null`: 404. A number: that status without a problem document. */
export class PretendPublic {
  readonly asked: Request[] = [];
  readonly answers: Record<string, unknown> = {
    [`/elections/${ELECTION.uuid}/status/${encodeURIComponent(TRACKER)}`]: {
      tracker: TRACKER,
      state: "anchored",
      accepted_at: "2026-11-28T03:00:00.000Z",
      log_index: 0,
      leaf_hash: bytesToHex(LEAF),
      anchors: [ANCHOR],
    },
    "/checkpoint/witnessed": cosigned(LEAF),
    "/proofs/inclusion": { log_index: 0, size: 1, leaf_hash: bytesToHex(LEAF), hashes: [], checkpoint: signed(LEAF) },
    "/elections": { elections: [{ election_uuid: ELECTION.uuid, name: "模擬住民投票", opened_at: "2026-11-20T00:00:00Z" }] },
    [`/elections/${ELECTION.uuid}`]: { state: "tallied", certified_at: null, archive_sha256: null },
    [`/elections/${ELECTION.uuid}/election.json`]: ELECTION_TEXT,
    [`/elections/${ELECTION.uuid}/ballots`]: { items: [{ log_index: 0, tracker: TRACKER, superseded: null }], next: null, log_size: 1 },
    [`/elections/${ELECTION.uuid}/turnout`]: { accepted: 31, logged: 31, voters: 29, roll_size: 100, as_of: "2026-11-28T05:30:00Z" },
    [`/elections/${ELECTION.uuid}/turnout/by-hour`]: {
      items: [
        { until: "2026-11-28T03:00:00Z", voters: 12 },
        { until: "2026-11-28T05:00:00Z", voters: 28 },
      ],
      as_of: "2026-11-28T05:30:00Z",
    },
    "/notices": { items: [] },
    "/coverage": { size: 9, witnessed_size: 8, chains: [{ chain: "ethereum", ledger: ANCHOR.ledger, anchored_size: 8, verified_size: 7 }] },
  };
  readonly services = connectPublic(URLS, (request) => this.answer(request));

  /** What is before it, look by look; the last one stays. */
  readonly camera = { codes: [null] as (string | null)[], fault: null as CameraFault | null, opened: 0, closed: 0 };

  async openScanner(): Promise<Scanner> {
    const { camera } = this;
    if (camera.fault !== null) {
      throw new CameraRefused(camera.fault);
    }
    camera.opened += 1;
    const codes = [...camera.codes];
    return {
      show: async () => {},
      read: async () => (codes.length > 1 ? codes.shift()! : codes[0]!),
      close: () => {
        camera.closed += 1;
      },
    };
  }

  /** What the answer to this path becomes, `status` being the ballot's. */
  set(path: string, answer: unknown): void {
    this.answers[path === "status" ? `/elections/${ELECTION.uuid}/status/${encodeURIComponent(TRACKER)}` : path] = answer;
  }

  async answer(request: Request): Promise<Response> {
    this.asked.push(request);
    const { pathname } = new URL(request.url);
    const answer = this.answers[pathname] ?? null;
    if (answer === "lost") {
      throw new TypeError("Failed to fetch");
    }
    if (answer === null) {
      return Response.json({ type: "urn:tsukuba-evote:problem:not-found" }, { status: 404 });
    }
    if (typeof answer === "number") {
      return new Response("<html>", { status: answer });
    }
    return typeof answer === "string" ? new Response(answer) : Response.json(answer);
  }
}
