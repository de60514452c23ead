/**
 * Encrypted answers to one question: made with their proofs, read strictly, verified.
 *
 * Specification: "Homomorphic answers", "Proofs of interval membership", "Proofs of possibly-blank votes".
 */

import type { Random } from "./bytes.ts";
import type { Election, Question } from "./election.ts";
import { BeleniosError } from "./errors.ts";
import { type Element, type Group, randomExponent } from "./groups/index.ts";
import { asArray, Fields, type Json } from "./json.ts";
import { oneOfHolds, type Opening, parseProof, type Proof, proveOneOf, type Statement, writeProof } from "./proofs.ts";

/** An ElGamal encryption (g^r, y^r·g^m), with the texts of both halves. */
export interface Ciphertext {
  readonly alpha: Element;
  readonly beta: Element;
  readonly alphaText: string;
  readonly betaText: string;
}

/** An `answer_h`: with a blank vote allowed, the first ciphertext says whether the vote is blank. */
export interface Answer {
  readonly choices: readonly Ciphertext[];
  readonly individualProofs: readonly (readonly Proof[])[];
  readonly overallProof: readonly Proof[];
  readonly blankProof: readonly Proof[] | null;
}

/** How many ciphertexts an answer has: one for each answer, and first one for a blank vote. */
export function choicesOf(question: Question): number {
  return question.answers.length + (question.blank ? 1 : 0);
}

/**
 * Refuse what the question doesn't allow: `chosen` has a 0 or 1 for each ciphertext, the blank vote first.
 *
 * @throws BeleniosError `ballot-choices`.
 */
export function checkChoices(question: Question, chosen: readonly number[]): void {
  if (chosen.length !== choicesOf(question) || chosen.some((value) => value !== 0 && value !== 1)) {
    throw impossible(`a list of ${choicesOf(question)} zeros and ones is needed`);
  }
  const isBlank = question.blank && chosen[0] === 1;
  const count = sum(chosen) - (isBlank ? 1 : 0);
  if (isBlank && count > 0) {
    throw impossible("a blank vote chooses no answer");
  }
  if (!isBlank && (count < question.min || count > question.max)) {
    throw impossible(`between ${question.min} and ${question.max} answers are to be chosen`);
  }
}

/**
 * Encrypt and prove a choice; `prefix` is the spec's S0, the fingerprint and the credential.
 *
 * Randomness is drawn for the encryptions in order, then for each individual proof, the overall and the blank proof.
 *
 * @throws BeleniosError `ballot-choices`, when the question doesn't allow the choice.
 */
export function makeAnswer(
  election: Election,
  question: Question,
  chosen: readonly number[],
  prefix: string,
  random: Random,
): Answer {
  checkChoices(question, chosen);
  const { group, yPower } = election;
  const secrets = chosen.map(() => randomExponent(group, random));
  const choices = chosen.map((value, index) => {
    const secret = secrets[index]!;
    const masked = yPower(secret);
    const beta = value === 0 ? masked : group.multiply(masked, group.generator);
    return ciphertext(group, group.powerGenerator(secret), beta);
  });
  const prove = (openings: readonly Opening[], hashed: string) => proveOneOf(group, yPower, openings, hashed, random);
  const individualProofs = choices.map((choice, index) => {
    const [value, secret] = [chosen[index]!, secrets[index]!];
    const openings = [
      { secret, excess: value },
      { secret, excess: value - 1 },
    ];
    return prove(openings, `prove|${prefix}|${textOf(choice)}|`);
  });
  const context = `${prefix}|${choices.map(textOf).join(",")}`;
  const first = question.blank ? 1 : 0;
  const count = sum(chosen.slice(first));
  const countSecret = secrets.slice(first).reduce((total, secret) => total + secret, 0n) % group.order;
  const allowed = range(question.min, question.max).map((value) => ({ secret: countSecret, excess: count - value }));
  if (!question.blank) {
    const overallProof = prove(allowed, `prove|${context}|${productText(group, choices)}|`);
    return { choices, individualProofs, overallProof, blankProof: null };
  }
  const [blank, blankSecret] = [chosen[0]!, secrets[0]!];
  const overallProof = prove([{ secret: blankSecret, excess: blank - 1 }, ...allowed], `bproof1|${context}|`);
  const notBlankOrNone = [
    { secret: blankSecret, excess: blank },
    { secret: countSecret, excess: count },
  ];
  return { choices, individualProofs, overallProof, blankProof: prove(notBlankOrNone, `bproof0|${context}|`) };
}

/** The `answer_h` structure, its fields in the spec's order. */
export function writeAnswer(answer: Answer): Json {
  const write = (proofs: readonly Proof[]): Json => proofs.map((proof) => ({ ...writeProof(proof) }));
  return {
    choices: answer.choices.map((choice) => ({ alpha: choice.alphaText, beta: choice.betaText })),
    individual_proofs: answer.individualProofs.map(write),
    overall_proof: write(answer.overallProof),
    ...(answer.blankProof === null ? {} : { blank_proof: write(answer.blankProof) }),
  };
}

/**
 * Read an `answer_h` strictly.
 *
 * @throws BeleniosError `schema`, `number`, `group-element` for what is not canonical; `ballot-schema` for another number of
 * ciphertexts or proof branches than the question has.
 */
export function parseAnswer(group: Group, question: Question, value: Json): Answer {
  const fields = new Fields(value, "answer");
  const [choices, individual] = [fields.array("choices"), fields.array("individual_proofs")];
  if (choices.length !== choicesOf(question) || individual.length !== choicesOf(question)) {
    throw new BeleniosError("ballot-schema", "not one ciphertext and proof for each choice");
  }
  const branches = question.max - question.min + 1 + (question.blank ? 1 : 0);
  const answer = {
    choices: choices.map((choice) => parseCiphertext(group, choice)),
    individualProofs: individual.map((proofs) => parseProofs(proofs, group.order, 2)),
    overallProof: parseProofs(fields.value("overall_proof"), group.order, branches),
    blankProof: question.blank ? parseProofs(fields.value("blank_proof"), group.order, 2) : null,
  };
  fields.end();
  return answer;
}

/**
 * Check that an answer encrypts an allowed choice.
 *
 * @throws BeleniosError `ballot-individual-proof`, `ballot-overall-proof`, `ballot-blank-proof`.
 */
export function verifyAnswer(election: Election, question: Question, answer: Answer, prefix: string): void {
  const { group, yPower } = election;
  const demand = (rule: string, statements: readonly Statement[], hashed: string, proofs: readonly Proof[]) => {
    if (!oneOfHolds(group, yPower, statements, hashed, proofs)) {
      throw new BeleniosError(rule, "the proof does not hold");
    }
  };
  // Proofs of interval membership: each ciphertext encrypts 0 or 1.
  answer.choices.forEach((choice, index) => {
    const statements = [0, 1].map((value) => encrypts(group, choice, value));
    demand("ballot-individual-proof", statements, `prove|${prefix}|${textOf(choice)}|`, answer.individualProofs[index]!);
  });
  const context = `${prefix}|${answer.choices.map(textOf).join(",")}`;
  const counted = product(group, answer.choices.slice(question.blank ? 1 : 0));
  const allowed = range(question.min, question.max).map((value) => encrypts(group, counted, value));
  if (answer.blankProof === null) {
    // The number of choices is in [min, max].
    const hashed = `prove|${context}|${productText(group, answer.choices)}|`;
    demand("ballot-overall-proof", allowed, hashed, answer.overallProof);
    return;
  }
  // Proofs of possibly-blank votes: blank or in [min, max]; and not blank or nothing chosen.
  const blank = answer.choices[0]!;
  demand("ballot-overall-proof", [encrypts(group, blank, 1), ...allowed], `bproof1|${context}|`, answer.overallProof);
  demand("ballot-blank-proof", [encrypts(group, blank, 0), counted], `bproof0|${context}|`, answer.blankProof);
}

function parseCiphertext(group: Group, value: Json): Ciphertext {
  const fields = new Fields(value, "choice");
  const [alphaText, betaText] = [fields.text("alpha"), fields.text("beta")];
  fields.end();
  return { alpha: group.decode(alphaText), beta: group.decode(betaText), alphaText, betaText };
}

function parseProofs(value: Json, order: bigint, expected: number): readonly Proof[] {
  const proofs = asArray(value, "a proof");
  if (proofs.length !== expected) {
    throw new BeleniosError("ballot-schema", `a proof has ${expected} parts here`);
  }
  return proofs.map((proof) => parseProof(proof, order, "proof"));
}

function ciphertext(group: Group, alpha: Element, beta: Element): Ciphertext {
  return { alpha, beta, alphaText: group.encode(alpha), betaText: group.encode(beta) };
}

function encrypts(group: Group, given: Statement, value: number): Statement {
  if (value === 0) {
    return given;
  }
  return { alpha: given.alpha, beta: group.divide(given.beta, group.powerGenerator(BigInt(value))) };
}

function product(group: Group, choices: readonly Ciphertext[]): Statement {
  return choices
    .map(({ alpha, beta }): Statement => ({ alpha, beta }))
    .reduce((left, right) => ({
      alpha: group.multiply(left.alpha, right.alpha),
      beta: group.multiply(left.beta, right.beta),
    }));
}

function productText(group: Group, choices: readonly Ciphertext[]): string {
  const { alpha, beta } = product(group, choices);
  return `${group.encode(alpha)},${group.encode(beta)}`;
}

/** `alpha,beta`, as the hashes of proofs take it. */
function textOf(choice: Ciphertext): string {
  return `${choice.alphaText},${choice.betaText}`;
}

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function impossible(detail: string): BeleniosError {
  return new BeleniosError("ballot-choices", detail);
}
