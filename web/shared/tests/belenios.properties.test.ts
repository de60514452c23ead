/** Ballots of any question, openings, and what is not taken. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  BELENIOS_2048,
  BeleniosError,
  checkOpening,
  ED25519,
  findOnList,
  type Group,
  load,
  type Opening,
  parseBallot,
  parseCredential,
  parseElection,
  parseOpening,
  prepareBallot,
  publicCredential,
  type Question,
  secretExponent,
  systemRandom,
  verifyBallot,
  writeOpening,
} from "../belenios/index.ts";

// Shrinking would make hundreds of ballots.
fc.configureGlobal({ endOnFailure: true });

const CREDENTIAL = "aaaaa-bbbbbb-ccccc-dddddd";

interface Drafted {
  readonly questions: readonly Question[];
  readonly choices: readonly (readonly number[])[];
}

/** A question and a choice that it allows. */
const drafted = fc
  .record({ answers: fc.integer({ min: 1, max: 3 }), blank: fc.boolean(), picks: fc.array(fc.nat(), { minLength: 4, maxLength: 4 }) })
  .map(({ answers, blank, picks }) => {
    const [first, second, count, votesBlank] = picks as [number, number, number, number];
    const min = first % (answers + 1);
    const max = Math.max(1, min + (second % (answers - min + 1)));
    const question = { question: "?", answers: Array.from({ length: answers }, (_, n) => `答え ${n}`), blank, min, max };
    const chosen = min + (count % (max - min + 1));
    const isBlank = blank && votesBlank % 3 === 0;
    const marks = question.answers.map((_, index) => (!isBlank && index < chosen ? 1 : 0));
    return { question, chosen: blank ? [isBlank ? 1 : 0, ...marks] : marks };
  });

const draft: fc.Arbitrary<Drafted> = fc
  .array(drafted, { minLength: 1, maxLength: 2 })
  .map((those) => ({ questions: those.map(({ question }) => question), choices: those.map(({ chosen }) => chosen) }));

function electionText(group: Group, questions: readonly Question[]): string {
  return JSON.stringify({
    version: 1,
    description: "",
    name: "模擬住民投票",
    group: group.name,
    public_key: group.encode(group.powerGenerator(31_337n)),
    questions: questions.map(({ answers, blank, min, max, question }) => ({ answers, blank, min, max, question })),
    uuid: "Kfv5ngiYbJzRHQ",
  });
}

const YES_NO: Question = { question: "?", answers: ["賛成", "反対"], blank: true, min: 1, max: 1 };
const election = parseElection(electionText(ED25519, [YES_NO]));
const ballot = prepareBallot(election, CREDENTIAL, [[0, 1, 0]], systemRandom);

describe.each([
  { group: ED25519, runs: 8 },
  { group: BELENIOS_2048, runs: 1 },
])("$group.name", ({ group, runs }) => {
  test("a ballot of any question verifies and is made again from its opening alone", () => {
    fc.assert(
      fc.property(draft, ({ questions, choices }) => {
        const of = parseElection(electionText(group, questions));
        const made = prepareBallot(of, CREDENTIAL, choices, systemRandom);
        verifyBallot(of, parseBallot(of, made.text));
        expect(checkOpening(of, parseOpening(of, writeOpening(made.opening)), made.tracker)).toEqual(choices);
      }),
      { numRuns: runs, seed: 14 },
    );
  });
});

describe("an opening", () => {
  const other = prepareBallot(election, CREDENTIAL, [[0, 1, 0]], systemRandom);

  test.each<[string, Partial<Opening>]>([
    ["another choice", { choices: [[0, 0, 1]] }],
    ["another seed", { seed: other.opening.seed }],
    ["another signature", { signature: other.opening.signature }],
    ["another credential", { credential: publicCredential("11111-111111-11111-111111", election) }],
  ])("of %s doesn't lead to the tracker", (_, changed) => {
    expect(() => checkOpening(election, { ...ballot.opening, ...changed }, ballot.tracker)).toThrow(
      expect.objectContaining({ rule: "opening-tracker" }),
    );
  });

  test("of another election's text is told as such", () => {
    const reworded = parseElection(electionText(ED25519, [{ ...YES_NO, answers: ["反対", "賛成"] }]));
    expect(() => checkOpening(reworded, ballot.opening, ballot.tracker)).toThrow(
      expect.objectContaining({ rule: "opening-election" }),
    );
  });

  test("doesn't give away the credential: the signature's nonce is not drawn from the seed", () => {
    // Two ballots of one seed: were the nonces the same too, x = (r1 - r2) / (c2 - c1).
    const seed = new Uint8Array(32).fill(9);
    let first = true;
    const sameSeed = (count: number) => {
      const bytes = first ? seed : systemRandom(count);
      first = false;
      return bytes;
    };
    const made = prepareBallot(election, CREDENTIAL, [[0, 1, 0]], sameSeed);
    first = true;
    const again = prepareBallot(election, CREDENTIAL, [[0, 1, 0]], sameSeed);
    expect(again.opening.seed).toBe(made.opening.seed);
    expect(again.text.split('"signature"')[0]).toBe(made.text.split('"signature"')[0]);
    expect(again.opening.signature.challenge).not.toBe(made.opening.signature.challenge);
  });

  test.each([
    ["another form", '"tsukuba-evote opening v1"', '"tsukuba-evote opening v2"'],
    ["a short seed", `"seed":"${ballot.opening.seed}"`, `"seed":"${ballot.opening.seed.slice(2)}"`],
    ["an unknown field", '{"form"', '{"more":1,"form"'],
    ["a choice that is no number", '"choices":[[0,1,0]]', '"choices":[[0,true,0]]'],
  ])("with %s is none", (_, before, after) => {
    const text = writeOpening(ballot.opening);
    expect(text).toContain(before);
    expect(() => parseOpening(election, text.replace(before, after))).toThrow(expect.objectContaining({ rule: "schema" }));
  });
});

describe("a choice that the question doesn't allow", () => {
  test.each([
    ["two of one", [0, 1, 1]],
    ["none", [0, 0, 0]],
    ["blank and an answer", [1, 1, 0]],
    ["a two", [0, 2, 0]],
    ["minus one", [0, -1, 0]],
    ["a half", [0, 0.5, 0]],
    ["too few", [0, 1]],
    ["too many", [0, 1, 0, 0]],
  ])("%s: is not encrypted", (_, chosen) => {
    expect(() => prepareBallot(election, CREDENTIAL, [chosen], systemRandom)).toThrow(
      expect.objectContaining({ rule: "ballot-choices" }),
    );
  });

  test("an answer too few or too many: is not encrypted", () => {
    for (const choices of [[], [[0, 1, 0], [0, 1, 0]]]) {
      expect(() => prepareBallot(election, CREDENTIAL, choices, systemRandom)).toThrow(
        expect.objectContaining({ rule: "ballot-choices" }),
      );
    }
  });
});

test("whatever is changed in a ballot's text, it is refused", () => {
  const place = fc.nat({ max: ballot.text.length - 1 });
  const replacement = fc.constantFrom(..."0123456789abcdefAZ+/{}[]\",: \u00e9");
  fc.assert(
    fc.property(place, replacement, (index, character) => {
      fc.pre(ballot.text[index] !== character);
      const changed = ballot.text.slice(0, index) + character + ballot.text.slice(index + 1);
      expect(() => verifyBallot(election, parseBallot(election, changed))).toThrow(BeleniosError);
    }),
    { numRuns: 40, seed: 14 },
  );
});

describe("an election", () => {
  const good = election.text;

  test.each([
    ["another version", '"version":1', '"version":2', "election-version"],
    ["a group that nobody knows", '"group":"Ed25519"', '"group":"Ed448"', "election-group"],
    ["a short uuid", "Kfv5ngiYbJzRHQ", "Kfv5ng", "election-uuid"],
    ["a uuid with a zero", "Kfv5ngiYbJzRHQ", "0fv5ngiYbJzRHQ", "election-uuid"],
    ["a key that is the identity", `"public_key":"${keyOf(good)}"`, `"public_key":"${"0".repeat(63)}1"`, "group-element"],
    ["min above max", '"min":1', '"min":2', "election-questions"],
    ["a negative min", '"min":1', '"min":-1', "election-questions"],
    ["no answers", '["賛成","反対"]', "[]", "election-questions"],
    ["a question of another type", '{"answers"', '{"type":"NonHomomorphic","answers"', "election-questions"],
    ["an answer that is no text", '"反対"', "7", "schema"],
    ["a blank that is no boolean", '"blank":true', '"blank":1', "schema"],
    ["an unknown field", '{"version"', '{"more":1,"version"', "schema"],
    ["an unknown field of a question", '{"answers"', '{"more":1,"answers"', "schema"],
    ["a field that is missing", '"name":"模擬住民投票",', "", "schema"],
    ["a field that is given twice", '"version":1', '"version":1,"version":1', "json"],
    ["a fraction", '"min":1', '"min":1.0', "json"],
    ["an exponent", '"min":1', '"min":1e0', "json"],
    ["half of a surrogate pair", "賛成", "\\ud800", "json"],
    ["a language without its direction", '{"version"', '{"language":["ja","up"],"version"', "election-language"],
  ])("with %s is refused", (_, before, after, rule) => {
    expect(good).toContain(before);
    expect(() => parseElection(good.replace(before, after))).toThrow(expect.objectContaining({ rule }));
  });

  function keyOf(text: string): string {
    return /"public_key":"([0-9a-f]{64})"/.exec(text)![1]!;
  }
});

test("JSON is read as JSON.parse reads it, where both read it", () => {
  const leaf = fc.oneof(fc.maxSafeInteger(), fc.boolean(), fc.constant(null), fc.string({ unit: "grapheme" }));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(fc.string(), tie("tree"), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(tree, fc.constantFrom(undefined, 1), (value, space) => {
      const text = JSON.stringify(value, null, space);
      expect(load(text)).toEqual(JSON.parse(text));
    }),
    { numRuns: 200, seed: 14 },
  );
});

test.each(["", "01", "1.", "+1", "[1,]", "{,}", '{"a"}', "'a'", '"\n"', "nul", "[1] 2", "9007199254740993", "[".repeat(66) + "]".repeat(66)])(
  "%j is no JSON of the protocol",
  (text) => {
    expect(() => load(text)).toThrow(expect.objectContaining({ rule: "json" }));
  },
);

describe("credentials of version 2.0", () => {
  const of = { uuid: "11111111111111", group: BELENIOS_2048 };

  test("are typed with and without dashes, and a mistyped character is found", () => {
    const [typed, canonical] = ["111111111111111", "111-111-111-111-111"];
    expect(parseCredential(` ${typed} `)).toBe(canonical);
    expect(secretExponent(typed, of)).toBe(secretExponent(canonical, of));
    expect(() => parseCredential("111-111-111-111-112")).toThrow(expect.objectContaining({ rule: "credential-format" }));
  });
});

test("a list of public credentials that is none, or has one twice, is refused", () => {
  const own = publicCredential(CREDENTIAL, election);
  for (const [list, rule] of [
    ["{}", "schema"],
    [JSON.stringify([own, 1]), "schema"],
    [JSON.stringify([`${own},01`]), "schema"],
    [JSON.stringify([own, `${own},2`]), "credential-duplicate"],
    ["[", "json"],
  ] as const) {
    expect(() => findOnList(list, CREDENTIAL, election)).toThrow(expect.objectContaining({ rule }));
  }
});
