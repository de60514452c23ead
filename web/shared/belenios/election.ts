/** An election's fixed parameters: its questions, its public key and its fingerprint. */

import { digestOf } from "./bytes.ts";
import { BeleniosError } from "./errors.ts";
import { type Element, type Group, groupByName, type Power } from "./groups/index.ts";
import { asTexts, Fields, type Json, load } from "./json.ts";

const UUID = /^[1-9A-HJ-NP-Za-km-z]{14,64}$/;
/** A page shows no more; what an election has beyond is nobody's draft. */
const MOST_QUESTIONS = 100;
const MOST_ANSWERS = 1000;

/** A homomorphic question: between `min` and `max` answers may be chosen; with `blank`, also none, as a blank vote. */
export interface Question {
  readonly question: string;
  readonly answers: readonly string[];
  readonly blank: boolean;
  readonly min: number;
  readonly max: number;
}

/** The `election` structure together with its exact text, which is what everything is bound to. */
export interface Election {
  readonly text: string;
  readonly uuid: string;
  readonly name: string;
  readonly description: string;
  readonly group: Group;
  readonly publicKey: Element;
  readonly questions: readonly Question[];
  /** φ: the unpadded base64 of SHA-256 of the exact text. Compare it with the one that the city printed. */
  readonly fingerprint: string;
  /** Raises the election's public key y. */
  readonly yPower: Power;
}

/**
 * Read `election.json` strictly.
 *
 * @throws BeleniosError `json`, `schema`, `group-element` for malformed text or a bad key; `election-version`,
 * `election-group`, `election-uuid`, `election-language`; `election-questions` for questions that no ballot can answer,
 * that are not homomorphic, or more than a page could show.
 */
export function parseElection(text: string): Election {
  const fields = new Fields(load(text), "election");
  if (fields.integer("version") !== 1) {
    throw new BeleniosError("election-version", "the version is not 1");
  }
  const group = groupByName(fields.text("group"));
  const uuid = fields.text("uuid");
  if (!UUID.test(uuid)) {
    throw new BeleniosError("election-uuid", "a uuid is 14 to 64 Base58 characters");
  }
  const publicKey = group.decode(fields.text("public_key"));
  const questions = fields.array("questions").map(parseQuestion);
  if (questions.length < 1 || questions.length > MOST_QUESTIONS) {
    throw unanswerable(`there are 1 to ${MOST_QUESTIONS} questions`);
  }
  const name = fields.text("name");
  const description = fields.text("description");
  for (const optional of ["administrator", "credential_authority"]) {
    if (fields.has(optional)) {
      fields.text(optional);
    }
  }
  if (fields.has("language")) {
    checkLanguage(fields.texts("language"));
  }
  fields.end();
  let yPower: Power | undefined;
  return {
    text,
    uuid,
    name,
    description,
    group,
    publicKey,
    questions,
    fingerprint: digestOf(text),
    yPower: (exponent) => {
      // Its table is made at first use: who only shows the questions need not pay for it.
      yPower ??= group.fixedBase(publicKey);
      return yPower(exponent);
    },
  };
}

function parseQuestion(value: Json): Question {
  const fields = new Fields(value, "question");
  if (fields.has("type")) {
    throw unanswerable("questions that are not homomorphic");
  }
  const question: Question = {
    question: fields.text("question"),
    answers: asTexts(fields.value("answers"), "question.answers"),
    blank: fields.has("blank") && fields.boolean("blank"),
    min: fields.integer("min"),
    max: fields.integer("max"),
  };
  fields.end();
  const { answers, min, max } = question;
  if (answers.length < 1 || answers.length > MOST_ANSWERS || min < 0 || min > max || max > MOST_ANSWERS) {
    throw unanswerable("no ballot can answer a question");
  }
  return question;
}

/** The pair of a language and its direction (since 3.3). */
function checkLanguage(parts: readonly string[]): void {
  if (parts.length !== 2 || (parts[1] !== "ltr" && parts[1] !== "rtl")) {
    throw new BeleniosError("election-language", "not a language and its direction");
  }
}

function unanswerable(detail: string): BeleniosError {
  return new BeleniosError("election-questions", detail);
}
