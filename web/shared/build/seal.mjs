/**
 * After the build, over its folder (`node seal.mjs DIST`): the hash of what the page loads, in the page (subresource integrity).
 * Fails when the page loads more than its budget.
 *
 * A browser compares what the page itself names. The worker it takes as it comes, from the same origin; that one, and the page, are
 * held by the manifest alone that officers sign over all files (`evote front sign`).
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const DIST = `${resolve(process.argv[2])}/`;
/** Of everything that the voting page loads, compressed. */
const BUDGET_BYTES = 120 * 1024;

const files = readdirSync(DIST, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(DIST.length))
  .toSorted();
const digest = (content) => createHash("sha384").update(content).digest("base64");

let page = readFileSync(join(DIST, "index.html"), "utf8");
const loaded = files.filter((file) => /\.(js|css)$/.test(file));
for (const file of loaded) {
  const integrity = `integrity="sha384-${digest(readFileSync(join(DIST, file)))}"`;
  page = page.replace(`"/${file}"`, `"/${file}" ${integrity}`);
}
writeFileSync(join(DIST, "index.html"), page);

const unsealed = [...page.matchAll(/<(?:script|link)[^>]*(?:src|href)="\/[^>]*>/g)].filter(
  // The city's configuration isn't of the build; the manifest has it.
  ([tag]) => !tag.includes("integrity=") && !tag.includes('href="/config.json"'),
);
if (unsealed.length > 0) {
  throw new Error(`without integrity: ${unsealed.map(([tag]) => tag).join(" ")}`);
}

const sizes = [...loaded, "index.html"].map((file) => [file, gzipSync(readFileSync(join(DIST, file)), { level: 9 }).length]);
const total = sizes.reduce((sum, [, size]) => sum + size, 0);
for (const [file, size] of sizes) {
  process.stdout.write(`${(size / 1024).toFixed(1).padStart(8)} kB  ${file}\n`);
}
process.stdout.write(`${(total / 1024).toFixed(1).padStart(8)} kB  in all, compressed; ${BUDGET_BYTES / 1024} kB at most\n`);
process.exitCode = total <= BUDGET_BYTES ? 0 : 1;
