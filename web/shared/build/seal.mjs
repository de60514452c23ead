/**
 * After the build, over its folder (`node seal.mjs DIST`): the hash of every file, in the page (subresource integrity) and in a
 * manifest that can be signed, published and compared with what a server gives. Fails when the page loads more than its budget.
 *
 * A browser compares what the page itself names. The worker it takes as it comes, from the same origin; that one is held by the
 * manifest alone.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const DIST = `${resolve(process.argv[2])}/`;
/** Of everything that the voting page loads, compressed. */
const BUDGET_BYTES = 120 * 1024;

const files = readdirSync(DIST, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== "manifest.json")
  .map((entry) => join(entry.parentPath, entry.name).slice(DIST.length))
  .toSorted();
const digest = (content, encoding) => createHash("sha384").update(content).digest(encoding);

let page = readFileSync(join(DIST, "index.html"), "utf8");
const loaded = files.filter((file) => /\.(js|css)$/.test(file));
for (const file of loaded) {
  const integrity = `integrity="sha384-${digest(readFileSync(join(DIST, file)), "base64")}"`;
  page = page.replace(`"/${file}"`, `"/${file}" ${integrity}`);
}
writeFileSync(join(DIST, "index.html"), page);

const unsealed = [...page.matchAll(/<(?:script|link)[^>]*(?:src|href)="\/[^>]*>/g)].filter(([tag]) => !tag.includes("integrity="));
if (unsealed.length > 0) {
  throw new Error(`without integrity: ${unsealed.map(([tag]) => tag).join(" ")}`);
}

const manifest = Object.fromEntries(files.map((file) => [file, digest(readFileSync(join(DIST, file)), "hex")]));
writeFileSync(join(DIST, "manifest.json"), `${JSON.stringify({ algorithm: "sha384", files: manifest }, null, 2)}\n`);

const sizes = [...loaded, "index.html"].map((file) => [file, gzipSync(readFileSync(join(DIST, file)), { level: 9 }).length]);
const total = sizes.reduce((sum, [, size]) => sum + size, 0);
for (const [file, size] of sizes) {
  process.stdout.write(`${(size / 1024).toFixed(1).padStart(8)} kB  ${file}\n`);
}
process.stdout.write(`${(total / 1024).toFixed(1).padStart(8)} kB  in all, compressed; ${BUDGET_BYTES / 1024} kB at most\n`);
process.exitCode = total <= BUDGET_BYTES ? 0 : 1;
