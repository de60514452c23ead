// Every package of the lock file is under a licence that the city may use and ship; anything else ends with status 1.

import { readFileSync } from "node:fs";

const ALLOWED = new Set(["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "(MIT OR Apache-2.0)", "(MIT OR CC0-1.0)"]);
// Tools that run here and are never shipped, each with its reason.
const TOOLS = new Map([
  ["argparse", "Python-2.0"], // reads the generator's configuration
  ["axe-core", "MPL-2.0"], // finds what keeps people out, in tests
  ["lightningcss", "MPL-2.0"], // vite's CSS compiler
]);

const lock = JSON.parse(readFileSync(new URL("package-lock.json", import.meta.url), "utf8"));
const refused = Object.entries(lock.packages)
  .filter(([path, { link }]) => path.includes("node_modules/") && !link)
  .map(([path, { license }]) => [path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length), license])
  .filter(([name, license]) => !ALLOWED.has(license) && !allowedTool(name, license));

function allowedTool(name, license) {
  const tool = [...TOOLS.keys()].find((known) => name === known || name.startsWith(`${known}-`));
  return tool !== undefined && TOOLS.get(tool) === license;
}

for (const [name, license] of refused) {
  process.stderr.write(`${name}: ${license ?? "no licence"} is not on the list of licences.mjs\n`);
}
process.exitCode = refused.length === 0 ? 0 : 1;
