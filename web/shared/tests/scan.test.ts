/** Reading a QR code from pixels: what the pages draw is read again, of any length that they draw. */

import { encodeQR } from "qr";
import { expect, test } from "vitest";

import { prepareBallot, parseElection, systemRandom, writeOpening, type Choices } from "../belenios/index.ts";
import { type Picture, readCode } from "../scan/code.ts";
import { vectors } from "./vectors.ts";

/** As the page draws it (`pages/qr.tsx`), in the middle of a grey picture. */
function seen(text: string, pixels: number): Picture {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: 4 });
  const margin = 40;
  const side = rows.length * pixels + 2 * margin;
  const data = new Uint8ClampedArray(side * side * 4).fill(128);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const row = rows[Math.floor((y - margin) / pixels)];
      const dark = row?.[Math.floor((x - margin) / pixels)];
      data.set(dark === undefined ? [128, 128, 128, 255] : dark ? [0, 0, 0, 255] : [255, 255, 255, 255], (y * side + x) * 4);
    }
  }
  return { width: side, height: side, data };
}

test("an opened ballot's code is read again, and with a public credential of the larger group too", () => {
  const { accepted } = vectors<{ accepted: readonly { election: string; credential: string; choices: Choices }[] }>("ed25519/ballots.json");
  const { election, credential, choices } = accepted[0]!;
  const { opening } = prepareBallot(parseElection(election), credential, choices, systemRandom);
  for (const text of [writeOpening(opening), writeOpening({ ...opening, credential: "1234567890".repeat(62).slice(0, 617) })]) {
    expect(readCode(seen(text, 5))).toBe(text);
  }
});

test("a tracker's code is read again, and in a picture without one there is none", () => {
  const tracker = "hIx/T2N0dlTbVAxXG1nY2x5ooZ3OSDrqf6kOCyBrVz4";
  expect(readCode(seen(tracker, 4))).toBe(tracker);
  expect(readCode({ width: 64, height: 64, data: new Uint8ClampedArray(64 * 64 * 4).fill(200) })).toBeNull();
  const torn = seen(tracker, 4);
  torn.data.fill(0, 0, torn.data.length / 2);
  expect(readCode(torn)).toBeNull();
});
