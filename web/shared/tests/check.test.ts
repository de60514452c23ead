/** What a receipt page verifies, on vectors that `evote_tlog` is held to as well. */

import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { expect, test } from "vitest";

import type { OrderStatement } from "../belenios/index.ts";
import {
  checkReceipt,
  leafHash,
  parsePolicy,
  type Receipt,
  recordOf,
  verifyByPolicy,
  verifyInclusion,
  type Witnessed,
} from "../check/index.ts";
import { vectors } from "./vectors.ts";

interface Shown {
  readonly receipt: Receipt;
  readonly log_index: number;
  readonly hashes: readonly string[];
  readonly note: string;
  readonly policy: string;
}

const vector = vectors<{
  receipt_key: string;
  election_uuid: string;
  ballot: string;
  tracker: string;
  credential: string;
  order: OrderStatement;
  record: string;
  leaf_hash: string;
  cosigned: Record<string, number>;
  accepted: Shown;
  refused: { step: string; why: string; changed: Partial<Shown> }[];
}>("check/receipt.json");

function check(shown: Shown): Witnessed {
  checkReceipt(shown.receipt, vector.election_uuid, vector.tracker, hexToBytes(vector.receipt_key));
  const record = recordOf(vector.ballot, vector.credential, vector.order, shown.receipt);
  const witnessed = verifyByPolicy(shown.note, parsePolicy(shown.policy));
  const { size, root } = witnessed.checkpoint;
  verifyInclusion(leafHash(record), shown.log_index, size, shown.hashes.map(hexToBytes), root);
  return witnessed;
}

test("a receipt, its record and its place hold, and who cosigned is told", () => {
  const record = recordOf(vector.ballot, vector.credential, vector.order, vector.accepted.receipt);
  expect(new TextDecoder().decode(record)).toBe(vector.record);
  expect(bytesToHex(leafHash(record))).toBe(vector.leaf_hash);
  expect(Object.fromEntries(check(vector.accepted).cosigned)).toEqual(vector.cosigned);
});

test.each(vector.refused)("$step: $why is refused", ({ step, changed }) => {
  expect(() => check({ ...vector.accepted, ...changed })).toThrow(expect.objectContaining({ name: "CheckFailed", step }));
});

test("a receipt of another election is refused", () => {
  const key = hexToBytes(vector.receipt_key);
  expect(() => checkReceipt(vector.accepted.receipt, `${vector.election_uuid}2`, vector.tracker, key)).toThrow("receipt");
});
