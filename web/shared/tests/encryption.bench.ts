/** How long the ballot of Tsukuba's election of 2022 takes: one question, four candidates and blank (`make bench-web`). */

import { BELENIOS_2048, ED25519, type Group, parseElection, prepareBallot, systemRandom } from "../belenios/index.ts";

const BALLOTS = 40;

function electionOf(group: Group): string {
  const question = { answers: ["A", "B", "C", "D"], blank: true, min: 1, max: 1, question: "?" };
  const public_key = group.encode(group.powerGenerator(31_337n));
  const fixed = { version: 1, description: "", name: "2022", group: group.name, public_key };
  return JSON.stringify({ ...fixed, questions: [question], uuid: "Kfv5ngiYbJzRHQ" });
}

for (const group of [ED25519, BELENIOS_2048]) {
  const text = electionOf(group);
  const took = Array.from({ length: BALLOTS }, () => {
    const started = performance.now();
    // As a page does it that votes once: with the election's key new each time.
    prepareBallot(parseElection(text), "aaaaa-bbbbbb-ccccc-dddddd", [[0, 1, 0, 0, 0]], systemRandom);
    return performance.now() - started;
  }).toSorted((left, right) => left - right);
  const [first, middle, last] = [took[0]!, took[BALLOTS / 2]!, took[Math.floor(BALLOTS * 0.95)]!];
  // oxlint-disable-next-line no-console -- a program that prints, in Node and in a browser
  console.log(`${group.name}: p50 ${middle.toFixed(0)} ms, p95 ${last.toFixed(0)}, least ${first.toFixed(0)}`);
}
