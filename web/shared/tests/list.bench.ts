/** What the list of public credentials of a city of 200,000 takes a voter's device (`make bench-front`). */

import { ED25519, findOnList, publicCredential } from "../belenios/index.ts";

const VOTERS = 200_000;

const election = { uuid: "Kfv5ngiYbJzRHQ", group: ED25519 };
const own = "aaaaa-bbbbbb-ccccc-dddddd";
// Of the right length and as hard to compress as real ones; that each is of the group, no device looks at (it is for auditors).
const others = Array.from({ length: VOTERS - 1 }, () => {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
});
const list = JSON.stringify([...others, publicCredential(own, election)]);
const part = JSON.stringify(others.slice(0, VOTERS / 256));
for (const [what, text] of [
  ["the whole list", list],
  ["one part of 256", part.replace("]", `,"${publicCredential(own, election)}"]`)],
] as const) {
  const started = performance.now();
  findOnList(text, own, election);
  const took = performance.now() - started;
  // oxlint-disable-next-line no-console -- a program that prints, in Node and in a browser
  console.log(`${what} of ${VOTERS} voters: ${(text.length / 1000).toFixed(0)} kB, ${took.toFixed(0)} ms`);
}
