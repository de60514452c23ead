/** The wall's rules: what alerts touch, what is old, what holds the screen, the turnout table; held to the files that they follow. */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { ed25519 } from "@noble/curves/ed25519.js";
import { expect, test } from "vitest";

import { readConfig } from "../app/config.ts";
import { ANSWERS } from "../read/reads.ts";
import { acknowledge, type Alarm, type Held, hold, unseen } from "../rules/alarms.ts";
import { EFFECTS, effectsOf, stateOf, STEPS, WAYS } from "../rules/effects.ts";
import { isOld, OLD_AFTER_S, oldest } from "../rules/freshness.ts";
import { ROWS, tableOf } from "../rules/turnout.ts";
import { CATALOGUES } from "../words/index.ts";
import { CONFIG } from "./pretend.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), "utf8");

test("every alert of the rules has its words in both languages and says whom it touches, and there are no others", () => {
  const rules = ["alerts.yml", "slos.yml"].map((file) => read("deploy/monitoring/rules", file)).join("\n");
  const names = [...new Set([...rules.matchAll(/^\s*- alert: (\w+)$/gm)].map(([, name]) => name!))].toSorted();
  expect(names.length).toBeGreaterThan(30);
  expect(Object.keys(EFFECTS).toSorted()).toEqual(names);
  for (const words of Object.values(CATALOGUES)) {
    expect(Object.keys(words.alert).toSorted()).toEqual(names);
  }
});

test("what is asked of a service is a public address of its own, and every answer has its name", () => {
  const { public: addresses, prometheus } = JSON.parse(read("web/city/read/reads.json")) as Record<"public" | "prometheus", Record<string, string>>;
  for (const address of Object.values(addresses)) {
    const [service, path] = address.split(" ") as ["ballot" | "log" | "tally", string];
    const { paths } = JSON.parse(read("docs/openapi", `${service === "log" ? "ledger-anchor" : service}.json`)) as { paths: Record<string, object> };
    expect(Object.keys(paths[path] ?? {}), address).toContain("get");
  }
  expect([...Object.keys(addresses), ...Object.keys(prometheus), "announcements"].toSorted()).toEqual(Object.keys(ANSWERS).toSorted());
});

test("a service that is away stops the ways that need it; an alert of a newer release colours nothing", () => {
  const effects = [...effectsOf({ alertname: "EvoteServiceUnready", service: "biometric" }), ...effectsOf({ alertname: "EvoteOfTomorrow" })];
  expect(WAYS.map((way) => stateOf(way, effects, true))).toEqual(["well", "well", "stops", "well"]);
});

test.each([
  ["EvoteNoSynchronousStandby", ["stops", "stops", "stops", "stops"], ["well", "well"]],
  ["EvoteKafkaUnderMinIsr", ["stops", "stops", "stops", "stops"], ["stops", "stops"]],
  ["EvotePublishesFail", ["stops", "stops", "stops", "stops"], ["stops", "stops"]],
  // Who votes again waits, since their device looks for the last ballot in the log.
  ["EvoteSequencersNotOne", ["slows", "slows", "slows", "slows"], ["well", "stops"]],
  ["EvoteSequencerFlaps", ["slows", "slows", "slows", "slows"], ["well", "slows"]],
  ["EvoteBallotsUnlogged", ["slows", "slows", "slows", "slows"], ["well", "stops"]],
])("as docs/runbooks/alerts.md says, %s stops the ways %j, and what was cast %j", (alertname, ways, steps) => {
  const effects = effectsOf({ alertname });
  expect(WAYS.map((way) => stateOf(way, effects, true))).toEqual(ways);
  expect((["accepted", "logged"] as const).map((step) => stateOf(step, effects, true))).toEqual(steps);
});

test.each([
  ["auth", "revocation-lists", ["stops", "stops", "well", "well"]],
  ["auth", "credential-keys", ["stops", "stops", "stops", "stops"]],
  ["biometric", "face-workers", ["well", "well", "stops", "well"]],
  ["biometric", "database", ["well", "well", "stops", "well"]],
  ["ledger-anchor", "database", ["slows", "slows", "slows", "slows"]],
  ["tally", "database", ["well", "well", "well", "well"]],
])("when %s's check %s fails on every replica, the ways are %j; on one replica none of them is worse than slow", (service, check, ways) => {
  const of = (alertname: string) => WAYS.map((way) => stateOf(way, effectsOf({ alertname, service, check }), true));
  expect(of("EvoteServiceUnready")).toEqual(ways);
  expect(of("EvoteReplicaUnready")).toEqual(ways.map((state) => (state === "stops" ? "slows" : "well")));
});

test("when the log is gone, its steps stop and who votes again waits", () => {
  const effects = effectsOf({ alertname: "EvoteServiceAbsent", service: "ledger-anchor" });
  expect(WAYS.map((way) => stateOf(way, effects, true))).toEqual(["slows", "slows", "slows", "slows"]);
  expect(STEPS.map((step) => stateOf(step, effects, true))).toEqual(["well", "stops", "stops", "stops"]);
});

test("the worst of what touches a way counts, and of old data nothing is said", () => {
  const effects = [...effectsOf({ alertname: "EvoteFlood" }), ...effectsOf({ alertname: "EvoteCardsCannotBeChecked" })];
  expect(WAYS.map((way) => stateOf(way, effects, true))).toEqual(["stops", "stops", "slows", "slows"]);
  expect(stateOf("card", effects, false)).toBe("unknown");
});

test("data are old by their own time, and as old as their oldest part", () => {
  const now = 1_000_000_000;
  expect(isOld(now - OLD_AFTER_S * 1000, now)).toBe(false);
  expect(isOld(now - OLD_AFTER_S * 1000 - 1, now)).toBe(true);
  expect(isOld(null, now)).toBe(true);
  expect([oldest(3, 1, 2), oldest(3, null)]).toEqual([1, null]);
});

const alarm = (id: string, severity: "page" | "ticket" = "page"): Alarm => ({ id, name: id, labels: {}, severity });
const ids = (held: readonly Held[]) => held.map(({ id, over }) => (over ? `${id} over` : id));

test("an alarm holds the screen until somebody has seen it, also when it stops before", () => {
  let held = hold([], [alarm("a")], 1);
  held = hold(held, [], 2);
  expect(ids(unseen(held))).toEqual(["a over"]);
  expect(acknowledge(held, 3)).toEqual([]);
});

test("one that was seen and still stands doesn't hold again; when it comes anew, it does", () => {
  let held = acknowledge(hold([], [alarm("a")], 1), 2);
  held = hold(held, [alarm("a"), alarm("b")], 3);
  expect(ids(unseen(held))).toEqual(["b"]);
  expect(held[0]).toMatchObject({ since: 1, acknowledged: 2 });
  held = hold(hold(held, [], 4), [alarm("a")], 5);
  expect(held.find(({ id }) => id === "a")).toMatchObject({ since: 5, acknowledged: null });
});

test("what can wait until working hours is listed, holds nothing, and leaves with its cause", () => {
  const held = hold([], [alarm("a", "ticket")], 1);
  expect([ids(held), ids(unseen(held)), hold(held, [], 2)]).toEqual([["a"], [], []]);
});

test("a row of the table stands beside the election before at the same time of the same day of voting", () => {
  const opens = Date.parse("2026-11-28T22:00:00Z"); // 07:00 of the 29th, in Japan
  const at = (text: string) => ({ until: Date.parse(text), voters: 10 });
  const rows = tableOf([at("2026-11-29T01:00:00Z"), at("2026-11-29T02:00:00Z"), at("2026-11-30T01:00:00Z")], 200, opens, CONFIG.previous);
  expect(rows.map(({ rate, before }) => [rate, before])).toEqual([
    ["5.00", "5.12"],
    ["5.00", null],
    ["5.00", null],
  ]);
  expect(tableOf(Array.from({ length: 20 }, (_, hour) => ({ until: hour, voters: hour })), 20, 0, null).map(({ voters }) => voters)).toEqual(
    Array.from({ length: ROWS }, (_, row) => 20 - ROWS + row),
  );
});

test("a configuration that isn't one is refused", () => {
  // As Python writes the line of a key (libs/statements/tests/test_keys.py).
  const line = "ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w:69e39c0e";
  const written = { ...CONFIG, officers: { deployment: "local", persons: { sato: [line] } } };
  const config = readConfig({ ...written, services: {} });
  expect(config).toEqual({ ...CONFIG, officers: { deployment: "local", persons: new Map([["sato", [ed25519.getPublicKey(new Uint8Array(32).fill(1))]]]) } });
  const mistyped = { ...written, officers: { deployment: "local", persons: { sato: [line.replace(/.$/, (end) => (end === "0" ? "1" : "0"))] } } };
  for (const wrong of [mistyped, { ...CONFIG, ways: [] }, { ...CONFIG, ways: ["pigeon"] }, { ...CONFIG, previous: { name: "x", rates: [], final: "5 %" } }]) {
    expect(() => readConfig(wrong)).toThrow();
  }
});
