/**
 * A voter as a program, for the tests in Python: a JSON array of tasks on standard input, an array of answers on standard
 * output. What is refused is answered with the rule.
 */

import { readFileSync } from "node:fs";

import {
  BeleniosError,
  type Choices,
  type Election,
  parseBallot,
  parseElection,
  prepareBallot,
  publicCredential,
  signOrder,
  systemRandom,
  trackerOf,
  verifyBallot,
} from "../belenios/index.ts";

type Task =
  | { readonly do: "vote"; readonly election: string; readonly credential: string; readonly choices: Choices }
  | { readonly do: "verify"; readonly election: string; readonly ballot: string };

let last: Election | undefined;

function answer(task: Task): object {
  if (last?.text !== task.election) {
    last = parseElection(task.election);
  }
  const election = last;
  if (task.do === "verify") {
    verifyBallot(election, parseBallot(election, task.ballot));
    return { tracker: trackerOf(task.ballot) };
  }
  const ballot = prepareBallot(election, task.credential, task.choices, systemRandom);
  const order = signOrder(election, task.credential, ballot.tracker, 1, systemRandom);
  return { ...ballot, order, credential: publicCredential(task.credential, election) };
}

function attempt(task: Task): object {
  try {
    return answer(task);
  } catch (error) {
    if (error instanceof BeleniosError) {
      return { refused: error.rule };
    }
    throw error;
  }
}

const tasks = JSON.parse(readFileSync(0, "utf8")) as readonly Task[];
process.stdout.write(JSON.stringify(tasks.map(attempt)));
