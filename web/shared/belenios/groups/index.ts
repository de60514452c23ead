/** The groups that elections may use. */

import { BeleniosError } from "../errors.ts";
import type { Group } from "./base.ts";
import { BELENIOS_2048 } from "./belenios2048.ts";
import { ED25519 } from "./ed25519.ts";

/** The group of a name. @throws BeleniosError `election-group`. */
export function groupByName(name: string): Group {
  const group = [ED25519, BELENIOS_2048].find((known) => known.name === name);
  if (group === undefined) {
    throw new BeleniosError("election-group", "unknown group; known are BELENIOS-2048, Ed25519");
  }
  return group;
}

export { type Element, type Group, hashToExponent, modulo, type Power, randomExponent } from "./base.ts";
export { BELENIOS_2048 } from "./belenios2048.ts";
export { ED25519 } from "./ed25519.ts";
