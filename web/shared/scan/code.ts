/** Reading a QR code from a picture, in JavaScript alone: not every browser has `BarcodeDetector`, and one way is tested as a whole. */

import { decodeQR } from "qr/decode.js";

/** What a canvas gives. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** A frame is worth this much: the next one may be sharper. */
const MOST_MS = 200;

/** The text of the code in a picture; `null` where none is seen. */
export function readCode(picture: Picture): string | null {
  try {
    return decodeQR(picture, { format: "RGBA", timeLimit: MOST_MS });
  } catch {
    return null; // so the library says that it sees none, or none whose checksums hold
  }
}
