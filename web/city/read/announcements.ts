/** What the city's staff say (`evote wall`): one text that an officer signed for this election, or nothing yet. */

import { checkCommand, CheckFailed, type Officers } from "@tsukuba-evote/shared/check";
import * as v from "valibot";

const Said = v.array(
  v.object({
    number: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    at: v.pipe(
      v.string(),
      v.transform((text) => Date.parse(text)),
      v.finite(),
    ),
    text: v.string(),
    /** What the helpdesk says to who calls; empty: nothing of its own. */
    helpdesk: v.string(),
    ways: v.array(v.picklist(["card", "phone", "face", "station"])),
    effect: v.picklist(["stops", "slows"]),
  }),
);

/** As the wall's server has the file; an empty list where there is none. */
export const SignedText = v.union([v.strictTuple([]), v.object({ announcements: v.string(), statements: v.strictTuple([v.string()]) })]);

export type Announcement = v.InferOutput<typeof Said>[number];

export interface Announcements {
  readonly said: readonly Announcement[];
  /** When the officer signed, in milliseconds since 1970; 0: nobody has. */
  readonly signedAt: number;
  /** Whether the newest answer was none that an officer signed; what is shown then is what one signed before. */
  readonly doubtful: boolean;
}

export const NOTHING_SAID: Announcements = { said: [], signedAt: 0, doubtful: false };

/** Who signs what is announced of which election. */
export interface Speakers {
  readonly election: string;
  readonly officers: Officers;
}

/** How far an officer's clock may be ahead. What is signed from further on would outlast all that is signed today. */
const SKEW_MS = 60_000;

/**
 * What is shown after this answer. Whoever writes the file without an officer's key puts no line on the wall, takes none away, and brings
 * back none that this wall has seen taken away.
 *
 * @param now by the server's clock, in milliseconds since 1970.
 */
export function heard(
  answer: v.InferOutput<typeof SignedText>,
  before: Announcements,
  { election, officers }: Speakers,
  now: number,
): Announcements {
  if (!("announcements" in answer)) {
    return before.signedAt === 0 ? NOTHING_SAID : { ...before, doubtful: true };
  }
  const { announcements: body, statements } = answer;
  const request = { service: "front", method: "PUT", path: `/elections/${election}/announcements.json`, body };
  try {
    const signedAt = checkCommand(statements[0], request, officers);
    return signedAt < before.signedAt || signedAt > now + SKEW_MS
      ? { ...before, doubtful: true }
      : { said: v.parse(v.pipe(v.string(), v.parseJson(), Said), body), signedAt, doubtful: false };
  } catch (error) {
    if (error instanceof CheckFailed) {
      return { ...before, doubtful: true };
    }
    throw error;
  }
}
