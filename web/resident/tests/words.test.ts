/** No word of a vote is missing, and no problem of a voter's its words. */

import { checkCatalogues } from "@tsukuba-evote/shared/tests/catalogues";
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { OWN_SLUGS } from "../vote/session.ts";
import { CATALOGUES } from "../words/index.ts";
import { ADVICE_OF, FACE_REASONS } from "../words/problems.ts";

/** What officers, trustees, auditors and monitoring alone can meet. */
const NOT_FOR_VOTERS = new Set([
  "another-ceremony",
  "archive-differs",
  "bad-ceremony-message",
  "bad-partial-decryption",
  "case-decided",
  "ceremony-step-not-yet",
  "certificate-duplicate",
  "command-done-before",
  "command-malformed",
  "command-of-another",
  "command-untimely",
  "committed-already",
  "decryption-complete",
  "election-busy",
  "invalid-draft",
  "key-refused",
  "message-conflict",
  "no-such-issue",
  "nonce-used",
  "not-a-candidate",
  "not-confirmed",
  "not-read-by-all",
  "not-signed-by-trustee",
  "not-tallied",
  "nothing-blocked",
  "photo-quality",
  "preflight-failed",
  "projection-behind",
  "roll-frozen",
  "roll-not-ready",
  "roll-rejected",
  "roll-size-differs",
  "scraper-unknown",
  "second-person-needed",
  "statement-of-another",
  "unknown-case",
  "unknown-trustee",
  "unknown-voter",
  "voting-codes-issued",
]);

interface Document {
  readonly components: { readonly schemas: { readonly ProblemDocument: { readonly "x-kinds": readonly { readonly slug: string }[] } } };
}

const documented = new Set(
  ["auth", "ballot", "biometric", "tally"].flatMap((service) => {
    const text = readFileSync(new URL(`../../../docs/openapi/${service}.json`, import.meta.url), "utf8");
    return (JSON.parse(text) as Document).components.schemas.ProblemDocument["x-kinds"].map(({ slug }) => slug);
  }),
);

/** The lists of allowed values anywhere in a schema. */
function enumsIn(node: unknown): string[][] {
  if (typeof node !== "object" || node === null) {
    return [];
  }
  const own = "enum" in node && Array.isArray(node.enum) ? [node.enum as string[]] : [];
  return [...own, ...Object.values(node).flatMap(enumsIn)];
}

checkCatalogues(CATALOGUES);

test("every problem that a voter may meet has words", () => {
  expect([...documented].filter((slug) => !ADVICE_OF.has(slug) && !NOT_FOR_VOTERS.has(slug))).toEqual([]);
});

test("every reason for which a face is refused has words", () => {
  const text = readFileSync(new URL("../../../docs/events/biometric.FaceRejected.v1.schema.json", import.meta.url), "utf8");
  const reasons = enumsIn(JSON.parse(text)).filter((values) => values.includes("no-face")).flat();
  expect(reasons.length).toBeGreaterThan(10);
  expect(Object.keys(FACE_REASONS).toSorted()).toEqual(reasons.toSorted());
});

test("no words are kept for problems that nothing tells", () => {
  const known = new Set<string>([...documented, ...OWN_SLUGS]);
  expect([...ADVICE_OF.keys()].filter((slug) => !known.has(slug))).toEqual([]);
  expect([...NOT_FOR_VOTERS].filter((slug) => !documented.has(slug) || ADVICE_OF.has(slug))).toEqual([]);
});
