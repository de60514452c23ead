/** No word of the public pages is missing. */

import { checkCatalogues } from "@tsukuba-evote/shared/tests/catalogues";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { CATALOGUES } from "../words/index.ts";

checkCatalogues(CATALOGUES);

test("whatever a monitor can find has plain words", () => {
  const folder = dirname(fileURLToPath(import.meta.url));
  const schema = readFileSync(join(folder, "../../../docs/events/ledger.TamperingDetected.v1.schema.json"), "utf8");
  const kinds = enumsIn(JSON.parse(schema)).find((values) => values.includes("log-forked"));
  expect(kinds).toBeDefined();
  expect(Object.keys(CATALOGUES.ja.status.kind).toSorted()).toEqual([...kinds!, "other"].toSorted());
});

/** The lists of allowed values anywhere in a schema. */
function enumsIn(node: unknown): string[][] {
  if (typeof node !== "object" || node === null) {
    return [];
  }
  const own = "enum" in node && Array.isArray(node.enum) ? [node.enum as string[]] : [];
  return [...own, ...Object.values(node).flatMap(enumsIn)];
}
