/** What the build of the public pages makes: what the strict policy allows, and nothing of voters or officers. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

const ROOM = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = mkdtempSync(join(tmpdir(), "board-"));
const run = (...command: string[]) => execFileSync(process.execPath, command, { cwd: ROOM, encoding: "utf8", stdio: "pipe", env: { ...process.env, NODE_ENV: "production" } });
let files: readonly string[];

beforeAll(() => {
  run("../node_modules/vite/bin/vite.js", "build", "--outDir", dist, "--emptyOutDir", "--logLevel", "error");
  run("../shared/build/seal.mjs", dist);
  files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.includes("."));
});
afterAll(() => {
  rmSync(dist, { recursive: true });
});

test("the pages load one program and one style sheet, each by its hash; what reads QR codes comes only with the camera", () => {
  expect(files.map((file) => file.slice(file.lastIndexOf(".") + 1)).toSorted()).toEqual(["css", "html", "js", "js"]);
  const page = readFileSync(join(dist, "index.html"), "utf8");
  expect([...page.matchAll(/ integrity="sha384-/g)]).toHaveLength(2);
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=/i);
});

test("whatever is sent from here is a question that anybody may ask", () => {
  const program = files.filter((file) => file.endsWith(".js")).map((file) => readFileSync(join(dist, file), "utf8")).join("\n");
  for (const address of ["/challenges", "/releases", "/face-orders", "/phone-visits", "/own-ballots", "/card-matches"]) {
    expect(program).not.toContain(address);
  }
  expect(program).toContain("/turnout/by-hour");
});

test("the public pages may talk to three services and to nobody else", () => {
  const config = join(dist, "config.json");
  writeFileSync(config, JSON.stringify({ services: { ballot: "https://ballot.example", log: "https://log.example", tally: "https://tally.example" } }));
  expect(run("../edge/connect-src.mjs", config)).toBe('set $connect_src "https://ballot.example https://log.example https://tally.example";\n');
});
