/** The vectors that both implementations are held to: `tests/vectors` at the repository's top. */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// Not `new URL(…, import.meta.url)`: in tests of pages that means a file of the page's own.
const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "../../../tests/vectors");

/** @param name such as `ed25519/ballots.json`. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as T;
}
