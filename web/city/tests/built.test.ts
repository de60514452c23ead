/** What the build of the wall makes, and what its server passes on. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

const ROOM = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = mkdtempSync(join(tmpdir(), "city-"));
const run = (...command: string[]) => execFileSync(process.execPath, command, { cwd: ROOM, encoding: "utf8", stdio: "pipe", env: { ...process.env, NODE_ENV: "production" } });

beforeAll(() => {
  run("../node_modules/vite/bin/vite.js", "build", "--outDir", dist, "--emptyOutDir", "--logLevel", "error");
  run("../shared/build/seal.mjs", dist);
});
afterAll(() => {
  rmSync(dist, { recursive: true });
});

test("the wall loads one program and one style sheet, each by its hash", () => {
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.includes("."));
  expect(files.map((file) => file.slice(file.lastIndexOf(".") + 1)).toSorted()).toEqual(["css", "html", "js"]);
  const page = readFileSync(join(dist, "index.html"), "utf8");
  expect([...page.matchAll(/ integrity="sha384-/g)]).toHaveLength(2);
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=/i);
});

test("its page may talk to its own server alone, and that one takes addresses that can change no line of nginx", () => {
  const services = { ballot: "http://ballot", log: "https://log.example", tally: "http://tally", prometheus: "http://prometheus:9090" };
  const print = (change: object) => {
    const config = join(dist, "config.json");
    writeFileSync(config, JSON.stringify({ election: "HwBwmsoQRdJk6o", services, ...change }));
    return run("../edge/connect-src.mjs", config);
  };
  expect(print({ resolver: "10.96.0.10" })).toBe(`set $connect_src "";
set $evote_election "HwBwmsoQRdJk6o";
set $evote_ballot "http://ballot";
set $evote_log "https://log.example";
set $evote_tally "http://tally";
set $evote_prometheus "http://prometheus:9090";
resolver 10.96.0.10 valid=30s;
proxy_ssl_verify on;
proxy_ssl_verify_depth 3;
proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
`);
  for (const wrong of [{ election: '"; return 200 "' }, { resolver: "a; b" }, {}, { services: { ...services, log: "http://log/x" } }]) {
    expect(() => print({ resolver: "election" in wrong || "services" in wrong ? "10.96.0.10" : undefined, ...wrong })).toThrow();
  }
});

test("each address of its server asks one thing, without anything that the browser sends", () => {
  const printed = run("../edge/reads.mjs", "read/reads.json");
  const passing = [...printed.matchAll(/location = \/read\/(\S+) \{\n(.*?)\n\}/gs)].filter(([, name]) => name !== "announcements");
  expect(passing.length).toBe(17);
  for (const [, name, body] of passing) {
    expect(body, name).toContain("limit_except GET { deny all; }");
    expect(body, name).toContain("proxy_pass_request_headers off;");
    expect(body, name).toContain("proxy_pass_request_body off;");
    expect(body, name).toMatch(/^ {2}proxy_pass \$evote_(ballot|log|tally|prometheus)[A-Za-z0-9/_.~!?=%$-]*;$/m);
  }
  // What Prometheus knows of auth is asked of Prometheus.
  const asked = new Set([...printed.matchAll(/\$evote_(\w+)/g)].map(([, name]) => name));
  expect([...asked].toSorted()).toEqual(["ballot", "election", "log", "prometheus", "tally"]);
  expect(printed).not.toMatch(/proxy_set_header/);
});
