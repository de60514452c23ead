/**
 * When pictures are taken during the challenge: one straight ahead, then for each action some while it is done and some after the
 * return, and one straight ahead at the end (biometric's README, "Verification"; 8 to 24 pictures, less than 3 s apart, 30 s at most).
 */

import type { Action } from "./face.ts";

/** A picture, and when it was taken: whole milliseconds since the first. */
export interface Frame {
  readonly atMs: number;
  readonly jpeg: Blob;
}
export type Burst = readonly Frame[];

/** What the voter is told to do while a picture is taken. */
export type Pose = "straight" | Action;

/** One step: the words change, the voter moves, then so many pictures are taken. */
export interface Step {
  readonly pose: Pose;
  readonly pictures: number;
}

/** For a person to read the words and move. */
const TO_MOVE_MS = 1500;
const BETWEEN_PICTURES_MS = 450;

/** The steps of a challenge. */
export function stepsOf(actions: readonly Action[]): readonly Step[] {
  return [
    { pose: "straight", pictures: 2 },
    ...actions.flatMap((pose): Step[] => [
      { pose, pictures: 3 },
      { pose: "straight", pictures: 2 },
    ]),
  ];
}

export interface Photographer {
  /** Now, in milliseconds. */
  readonly now: () => number;
  readonly waitMs: (milliseconds: number) => Promise<void>;
  readonly picture: () => Promise<Blob>;
}

/** Takes the whole burst. `show` says what to do, and how far it is. */
export async function takeBurst(
  actions: readonly Action[],
  photographer: Photographer,
  show: (pose: Pose, step: number, steps: number) => void,
): Promise<Burst> {
  const frames: Frame[] = [];
  const steps = stepsOf(actions);
  let firstAt: number | null = null;
  for (const [number, { pose, pictures }] of steps.entries()) {
    show(pose, number + 1, steps.length);
    await photographer.waitMs(TO_MOVE_MS);
    for (let taken = 0; taken < pictures; taken += 1) {
      if (taken > 0) {
        await photographer.waitMs(BETWEEN_PICTURES_MS);
      }
      firstAt ??= photographer.now();
      frames.push({ atMs: Math.round(photographer.now() - firstAt), jpeg: await photographer.picture() });
    }
  }
  return frames;
}
