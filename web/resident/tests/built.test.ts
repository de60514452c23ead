/** What the build makes is what the strict policy allows, and holds no officer's program. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

const ROOM = join(dirname(fileURLToPath(import.meta.url)), "..");
const EDGE = join(ROOM, "../edge");
const dist = mkdtempSync(join(tmpdir(), "front-"));
const run = (...command: string[]) => execFileSync(process.execPath, command, { cwd: ROOM, encoding: "utf8", stdio: "pipe", env: { ...process.env, NODE_ENV: "production" } });
let files: readonly string[];
const read = (file: string) => readFileSync(join(dist, file), "utf8");

beforeAll(() => {
  run("../node_modules/vite/bin/vite.js", "build", "--outDir", dist, "--emptyOutDir", "--logLevel", "error");
  run("../shared/build/seal.mjs", dist);
  files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.includes("."));
});
afterAll(() => {
  rmSync(dist, { recursive: true });
});

test("the page loads one program, one worker and one style sheet", () => {
  const kinds = files.map((file) => file.slice(file.lastIndexOf(".") + 1)).toSorted();
  expect(kinds).toEqual(["css", "html", "js", "js"]);
});

test("whatever the page loads bears its hash", () => {
  const page = read("index.html");
  // All but the city's configuration, which isn't of the build.
  const tags = [...page.matchAll(/<(?:script|link)\b[^>]*(?:src|href)="\/(?!config\.json")([^"]+)"[^>]*>/g)];
  expect(tags).toHaveLength(2);
  for (const [tag, file] of tags) {
    const digest = createHash("sha384").update(readFileSync(join(dist, file!))).digest("base64");
    expect(tag).toContain(`integrity="sha384-${digest}"`);
    expect(tag).toContain("crossorigin");
  }
});

test("the same sources make the same files, to the byte, wherever they are built", () => {
  const again = mkdtempSync(join(tmpdir(), "front-again-"));
  try {
    run("../node_modules/vite/bin/vite.js", "build", "--outDir", again, "--emptyOutDir", "--logLevel", "error");
    run("../shared/build/seal.mjs", again);
    expect(readdirSync(again, { recursive: true, encoding: "utf8" }).toSorted()).toEqual(readdirSync(dist, { recursive: true, encoding: "utf8" }).toSorted());
    for (const file of files) {
      expect(readFileSync(join(again, file), "utf8")).toBe(read(file));
    }
  } finally {
    rmSync(again, { recursive: true });
  }
});

test("no program and no style stands in the page itself, and none is made of text", () => {
  expect(read("index.html")).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=/i);
  for (const file of files.filter((name) => name.endsWith(".js"))) {
    expect(read(file)).not.toMatch(/\beval\(|\bnew Function\b|dangerouslySetInnerHTML:\{/);
  }
});

/** The ends of all addresses that the services have for these and for nobody else. */
function addressesOf(...tags: readonly string[]): readonly string[] {
  const documents = ["auth", "ballot", "biometric", "tally"].map(
    (service) => JSON.parse(readFileSync(join(ROOM, `../../docs/openapi/${service}.json`), "utf8")) as Document,
  );
  return documents.flatMap(({ paths }) =>
    Object.entries(paths)
      .filter(([, methods]) => Object.values(methods).every((method) => method.tags.some((tag) => tags.includes(tag))))
      .map(([path]) => path.slice(path.lastIndexOf("}") + 1))
      .filter((end) => end !== ""),
  );
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly tags: readonly string[] }>>>>;
}

test("no officer's and no trustee's address is in the residents' program", () => {
  const program = files.filter((name) => name.endsWith(".js")).map(read).join("\n");
  const theirs = addressesOf("officer", "trustee");
  expect(theirs).toContain("/card-matches");
  expect(theirs.filter((address) => program.includes(address))).toEqual([]);
  // That the search finds what is there.
  expect(addressesOf("voter").filter((address) => program.includes(address))).toContain("/face-orders");
});

test("the page may talk to the services of its configuration and to the card agent, and to nobody else", () => {
  const config = join(dist, "config.json");
  const services = { auth: "https://auth.example", ballot: "https://ballot.example", biometric: "https://face.example", log: "https://log.example", tally: "http://localhost:9000" };
  writeFileSync(config, JSON.stringify({ services }));
  expect(run(join(EDGE, "connect-src.mjs"), config)).toBe(
    'set $connect_src "https://auth.example https://ballot.example https://face.example https://log.example http://localhost:9000 http://127.0.0.1:*";\n',
  );
  writeFileSync(config, JSON.stringify({ services: { ...services, auth: "https://auth.example; script-src *" } }));
  expect(() => run(join(EDGE, "connect-src.mjs"), config)).toThrow("not an origin");
  rmSync(config);
});

test("the policy allows nothing inline, nothing made of text, and nothing by default", () => {
  const [, policy] = /Content-Security-Policy "([^"]+)"/.exec(readFileSync(join(EDGE, "headers.conf"), "utf8"))!;
  expect(policy).toMatch(/^default-src 'none'; /);
  expect(policy).not.toMatch(/unsafe|\*|data:|blob:/);
});
