/** What a reader typed, pasted or opened from a file: a tracker, or the receipt that the voting page saved. */

import type { Receipt } from "@tsukuba-evote/shared/check";
import * as v from "valibot";

/** Unpadded base64 of a SHA-256. */
const TRACKER = /^[A-Za-z0-9+/]{43}$/;

const ReceiptText = v.object({
  election_uuid: v.string(),
  tracker: v.pipe(v.string(), v.regex(TRACKER)),
  position: v.object({ partition: v.pipe(v.number(), v.safeInteger()), offset: v.pipe(v.number(), v.safeInteger()) }),
  accepted_at: v.string(),
  signature: v.string(),
});

export interface Pasted {
  readonly tracker: string;
  readonly receipt: Receipt | null;
}

/** A tracker as people write it: full-width, with spaces and line breaks. `null` for what is none. */
export function readTracker(text: string): string | null {
  const tracker = text.normalize("NFKC").replaceAll(/\s/gu, "");
  return TRACKER.test(tracker) ? tracker : null;
}

/** `null`: neither a tracker nor a saved receipt. */
export function readPasted(text: string): Pasted | null {
  for (const line of text.split("\n")) {
    const receipt = receiptIn(line.trim());
    if (receipt !== null) {
      return { tracker: receipt.tracker, receipt };
    }
  }
  const tracker = readTracker(text);
  return tracker === null ? null : { tracker, receipt: null };
}

function receiptIn(line: string): Receipt | null {
  if (!line.startsWith("{")) {
    return null;
  }
  try {
    const read = v.safeParse(ReceiptText, JSON.parse(line));
    return read.success ? read.output : null;
  } catch {
    return null; // not JSON
  }
}
