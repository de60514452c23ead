/**
 * When pictures are taken during the challenge: some straight ahead, then for each action some while it is done and some after the
 * return (biometric's README, "Verification"; 8 to 24 pictures, less than 3 s apart, 30 s at most).
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

/** One step: the words change, the voter moves, and pictures are taken so many milliseconds after the words. */
export interface Step {
  readonly pose: Pose;
  readonly atMs: readonly number[];
}

/** Time to read and to move; the voter stays there until the next words. */
const STRAIGHT_MS = [1500, 1950];
const MOVED_MS = [1500, 1950, 2400];
/** Who closes the eyes doesn't see the next words and opens them again after a second: somewhere in this time they are closed. */
const BLINK_MS = [600, 1100, 1600, 2100];
const LEAST_BETWEEN_MS = 100;

/** The steps of a challenge. */
export function stepsOf(actions: readonly Action[]): readonly Step[] {
  const straight: Step = { pose: "straight", atMs: STRAIGHT_MS };
  return [straight, ...actions.flatMap((pose): Step[] => [{ pose, atMs: pose === "blink" ? BLINK_MS : MOVED_MS }, straight])];
}

export interface Photographer {
  /** Now, in milliseconds. */
  readonly now: () => number;
  readonly waitMs: (milliseconds: number) => Promise<void>;
  /** Of this moment; there when it is packed. */
  readonly picture: () => Promise<Blob>;
}

async function packed(atMs: number, picture: Promise<Blob>): Promise<Frame> {
  return { atMs, jpeg: await picture };
}

/** Takes the whole burst. `show` says what to do, and how far it is. */
export async function takeBurst(
  actions: readonly Action[],
  photographer: Photographer,
  show: (pose: Pose, step: number, steps: number) => void,
): Promise<Burst> {
  const taken: Promise<Frame>[] = [];
  const steps = stepsOf(actions);
  let firstAt: number | null = null;
  for (const [number, { pose, atMs }] of steps.entries()) {
    show(pose, number + 1, steps.length);
    const shownAt = photographer.now();
    for (const moment of atMs) {
      // A phone that is late takes the rest at once, but for a moment between.
      await photographer.waitMs(Math.max(LEAST_BETWEEN_MS, shownAt + moment - photographer.now()));
      firstAt ??= photographer.now();
      // A slow device packs a picture while the next ones are taken: waited for here, each would make all later ones late.
      const frame = packed(Math.round(photographer.now() - firstAt), photographer.picture());
      // What failed is told at the end, with the others.
      frame.catch(() => {});
      taken.push(frame);
    }
  }
  return Promise.all(taken);
}
