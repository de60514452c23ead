/** The vectors that both implementations are held to: `tests/vectors` at the repository's top. */

import { readFileSync } from "node:fs";

/** @param name such as `ed25519/ballots.json`. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../tests/vectors/${name}`, import.meta.url), "utf8")) as T;
}
