// @vitest-environment happy-dom
/** The wall as it hangs there, with a pretend server: each state of each panel. */

import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Wall } from "../pages/wall.tsx";
import type { Name } from "../read/reads.ts";
import { en } from "../words/en.ts";
import { ja } from "../words/ja.ts";
import { CONFIG, firing, NOW, PretendServer, SERVICES, spoken, vector, WATCHDOG } from "./pretend.ts";

let root: HTMLElement;
let server: PretendServer;
let next: (() => void) | null;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  root = document.createElement("div");
  document.body.append(root);
  server = new PretendServer();
  next = null;
});
afterEach(async () => {
  await act(() => render(null, root));
  root.remove();
  vi.useRealTimers();
});

async function hang(language: "ja" | "en" = "ja"): Promise<void> {
  const outside = server.outside(() => new Promise((resolve) => (next = resolve)));
  await act(() => render(<Wall language={language} config={CONFIG} outside={outside} tellLanguage={() => {}} />, root));
  await vi.waitFor(() => expect(root.textContent).toContain("模擬住民投票"));
  // The round is over, and not the one of the test before.
  await vi.waitFor(() => expect(next).not.toBeNull());
}

/** So many seconds later the wall has asked again. */
async function later(seconds: number): Promise<void> {
  server.now += seconds * 1000;
  const waited = next;
  await act(async () => {
    next!();
    vi.advanceTimersByTime(1000);
  });
  await vi.waitFor(() => expect(next).not.toBe(waited));
  await act(() => {
    vi.advanceTimersByTime(1000);
  });
}

const panel = (name: string) => root.querySelector(`.${name}`)!;
const waits = () => [...panel("ways").querySelectorAll("li")].map((item) => item.querySelector("p")?.textContent);
const marks = (of: string) => [...panel(of).querySelectorAll("li")].map((item) => item.className);
const press = (name: string) =>
  act(() => {
    [...root.querySelectorAll("button")].find((button) => button.textContent === name)!.click();
  });

test("while all is well every panel has its figures and its time, and nothing holds the screen", async () => {
  await hang();
  expect(panel("close").textContent).toContain("07:29:40");
  expect([...panel("counts").querySelectorAll("dd")].map(({ textContent }) => textContent)).toEqual(["40,001人", "20.00％", "41,234票"]);
  expect([...panel("hours").querySelectorAll("tbody tr")].map((row) => [...row.children].map(({ textContent }) => textContent))).toEqual([
    ["10:00", "12,345", "6.17", "5.12"],
    ["12:00", "38,000", "19.00", "14.90"],
  ]);
  expect(panel("steps").textContent).toContain("0.4 秒");
  expect(panel("steps").textContent).toContain("3 分 20 秒");
  expect(marks("steps")).toEqual(["well", "well", "well", "well"]);
  expect(marks("ways")).toEqual(["well", "well", "well", "well"]);
  expect(waits()).toEqual(["本人確認の待ち 12 人", "本人確認の待ち 1,204 人", "本人確認の待ち 0 人", undefined]);
  expect(panel("queues").textContent).toContain("4 枚約 2.5 秒");
  expect(panel("queues").textContent).toContain("受け付けを待つ票3 票");
  expect(panel("alarms").textContent).toContain(ja.alarms.none);
  expect(panel("alarms").textContent).toContain(ja.alarms.intact);
  expect(root.querySelector(".standing")!.textContent).toBe(ja.nothingStale);
  expect(root.querySelector("dialog, .old")).toBeNull();
});

test("the time to the close is by the server's clock, however wrong this machine's is", async () => {
  server.behind = 3_600_000;
  await hang();
  await later(0);
  expect(panel("close").textContent).toContain("07:29:40");
  expect(root.querySelector(".old")).toBeNull();
});

const STALE: readonly (readonly [string, string, Name, () => unknown])[] = [
  ["the counts that the service gives are of long ago", "counts", "turnout", () => ({ ...(server.answers.turnout as object), as_of: "2026-11-29T03:20:00Z" })],
  ["the hours are of long ago", "hours", "hours", () => ({ items: [], as_of: "2026-11-29T03:20:00Z" })],
  ["rules were judged long ago", "alarms", "judged-at", () => vector([{}, NOW / 1000 - 600])],
  ["the alert that always fires doesn't", "ways", "judged-at", () => vector()],
  ["ballot was read long ago", "queues", "scraped-at", () => vector([{ service: "ballot" }, NOW / 1000 - 600])],
  ["Prometheus answers with an error", "alarms", "judged-at", () => 502],
  ["tally answers another thing", "close", "election", () => ({ name: "模擬住民投票" })],
  ["the log is lost", "steps", "coverage", () => null],
];
test.each(STALE)("%s: the panel says so", async (_, name, read, answer) => {
  await hang();
  server.answers[read] = answer();
  await later(200);
  expect(panel(name).className).toContain("old");
  expect(panel(name).querySelector("header")!.textContent).toContain(ja.stale);
  expect(root.querySelector("[role=status]")!.textContent).toContain(ja.stale);
});

const OF: readonly (readonly [string, Record<string, string>, string])[] = [
  ["EvoteReplicaDown", { service: "ballot", instance: "10.1.2.3:8001", job: "ballot" }, "ballot"],
  ["EvoteReplicaUnready", { service: "tally", instance: "10.1.2.3:8001", check: "kafka" }, "tally: kafka"],
  ["EvoteWitnessAway", { witness: "hokkaido" }, "hokkaido"],
  ["EvoteRecordsMissing", { topic: "ballots" }, "ballots"],
  ["EvoteRosterEndsSoon", { entry: "scraper" }, "scraper"],
  ["EvoteStandbyMissing", { cluster: "evote-pg-biometric" }, "evote-pg-biometric"],
];
test.each(OF)("of %s the wall says of which it is", async (name, labels, part) => {
  await hang();
  server.answers.alerts = vector(WATCHDOG, firing(name, "ticket", labels));
  await later(5);
  expect(panel("alarms").textContent).toContain(ja.of(ja.alert[name as keyof typeof ja.alert], part));
});

test("alerts that nobody has told of for an hour are no quiet hour", async () => {
  await hang();
  server.pass(3600);
  await later(0);
  expect(root.querySelector(".standing")!.textContent).toBe(ja.nothingStale);
  server.answers.alerts = 504;
  server.pass(3600);
  await later(0);
  expect(panel("alarms").textContent).not.toContain(ja.alarms.none);
  expect(panel("alarms").textContent).not.toContain(ja.alarms.intact);
  expect(new Set([...marks("ways"), ...marks("steps")])).toEqual(new Set(["unknown"]));
  expect([...root.querySelectorAll(".old h2")].map(({ textContent }) => textContent)).toEqual([
    ja.steps.panel,
    ja.ways.panel,
    ja.alarms.panel,
  ]);
  expect(root.querySelector(".standing")!.textContent).toContain("3");
});

const SILENT: readonly (readonly [Name, string, string])[] = [
  ["coverage", "steps", ja.steps.panel],
  ["logged-within", "steps", ja.steps.panel],
  ["anchoring-waits", "steps", ja.steps.panel],
  ["releases-waiting", "ways", ja.ways.panel],
  ["ballots-waiting", "queues", ja.queues.panel],
  ["receipt-within", "queues", ja.queues.panel],
  ["pictures-waiting", "queues", ja.queues.panel],
  ["face-waits", "queues", ja.queues.panel],
  ["notices", "alarms", ja.alarms.panel],
];
test.each(SILENT)("where %s alone is answered no more, its panel says so, and so does the head", async (read, name, title) => {
  await hang();
  server.answers[read] = 504;
  server.pass(200);
  await later(0);
  expect([...root.querySelectorAll(".panel.old")].map(({ classList }) => classList[1])).toEqual([name]);
  expect(root.querySelector(".standing")!.textContent).toContain(title);
});

test("of ways and steps nothing green is said on old data", async () => {
  await hang();
  for (const name of Object.keys(server.answers) as Name[]) {
    server.answers[name] = 502;
  }
  await later(600);
  expect(root.querySelectorAll(".panel.old")).toHaveLength(8);
  expect(new Set([...marks("ways"), ...marks("steps")])).toEqual(new Set(["unknown"]));
  expect(root.querySelector(".well:not(.standing)")).toBeNull();
  expect(waits()).toEqual([undefined, undefined, undefined, undefined]);
});

const heardOfAllBut = (gone: string) => vector(...SERVICES.filter((service) => service !== gone).map((service) => [{ service }, NOW / 1000] as const));

test("where nothing is heard of biometric, the face alone isn't green", async () => {
  server.answers["scraped-at"] = heardOfAllBut("biometric");
  await hang();
  expect(marks("ways")).toEqual(["well", "well", "unknown", "well"]);
});

test("where biometric is gone and an alarm says so, the face stops, and the alarm names it", async () => {
  server.answers["scraped-at"] = heardOfAllBut("biometric");
  server.fire(firing("EvoteServiceAbsent", "page", { service: "biometric" }));
  await hang();
  expect(marks("ways")).toEqual(["well", "well", "stops", "well"]);
  expect(panel("alarms").textContent).toContain(ja.of(ja.alert.EvoteServiceAbsent, "biometric"));
});

test("where the residents' page is gone, nobody votes but at the voting places", async () => {
  server.answers["scraped-at"] = heardOfAllBut("resident");
  await hang();
  expect(marks("ways")).toEqual(["unknown", "unknown", "unknown", "well"]);
  server.fire(firing("EvoteServiceAbsent", "page", { service: "resident" }));
  await later(10);
  expect(marks("ways")).toEqual(["stops", "stops", "stops", "well"]);
  expect(panel("alarms").textContent).toContain(ja.of(ja.alert.EvoteServiceAbsent, "resident"));
  server.answers["scraped-at"] = heardOfAllBut("board");
  server.fire(firing("EvoteServiceAbsent", "page", { service: "board" }));
  await later(10);
  expect([...marks("ways"), ...marks("steps")]).toEqual(Array.from({ length: 8 }, () => "well"));
});

test("an alarm holds the screen, keeps the keyboard, survives Escape and a reload, and is listed when it was seen", async () => {
  await hang();
  server.fire(firing("EvoteCardsCannotBeChecked", "page"));
  await later(10);
  const dialog = root.querySelector("dialog")!;
  await vi.waitFor(() => expect(dialog.open).toBe(true)); // it opens behind the frame in which it came
  expect(dialog.textContent).toContain(ja.alert.EvoteCardsCannotBeChecked);
  expect(document.title).toContain(ja.alarms.held);
  expect(marks("ways")).toEqual(["stops", "stops", "well", "well"]);
  expect(dialog.dispatchEvent(new Event("cancel", { cancelable: true }))).toBe(false);
  dialog.close();
  expect(root.querySelector("dialog")!.open).toBe(true);
  server.fire();
  await later(10);
  expect(root.querySelector("dialog")!.textContent).toContain(ja.alarms.over);
  await act(() => render(null, root));
  await hang();
  await press(ja.alarms.acknowledge);
  expect(root.querySelector("dialog")).toBeNull();
  expect(panel("alarms").textContent).toContain(ja.alarms.none);
});

test("an alarm that was seen stands in the list with when, and a reload doesn't ask again", async () => {
  server.fire(firing("EvoteServiceUnready", "page", { service: "auth", check: "kafka" }), firing("EvoteBoardSlow", "ticket"));
  await hang();
  await press(ja.alarms.acknowledge);
  expect(panel("alarms").textContent).toContain("12:30 確認済み");
  expect(panel("alarms").textContent).toContain(ja.alert.EvoteBoardSlow);
  expect(panel("alarms").textContent).toContain(ja.of(ja.alert.EvoteServiceUnready, "auth: kafka"));
  expect(marks("ways")).toEqual(["stops", "stops", "stops", "stops"]);
  await act(() => render(null, root));
  await hang();
  expect(root.querySelector("dialog")).toBeNull();
});

test("a notice of tampering holds the screen in plain words, of whatever kind it is", async () => {
  const notice = (finding: string, kind: string) => ({ finding, kind, raised_at: "2026-11-29T03:00:00Z" });
  server.answers.notices = { items: [notice("f1", "log-forked"), notice("f2", "of-a-newer-monitor")] };
  await hang("en");
  expect(root.querySelector("dialog")!.textContent).toContain(en.notice["log-forked"]);
  expect(root.querySelector("dialog")!.textContent).toContain(en.notice.other);
  expect(panel("alarms").textContent).not.toContain(en.alarms.intact);
});

test("what the city's staff say is shown, and colours the ways that it names", async () => {
  const told = { number: 1, at: "2026-11-29T03:10:00Z", text: "並木の投票所の回線が切れています", helpdesk: "隣の投票所を案内", ways: ["station"], effect: "stops" };
  server.answers.announcements = spoken([told, { ...told, number: 2 }, { ...told, number: 3 }], "2026-11-29T03:11:00Z");
  await hang();
  expect(panel("announcements").textContent).toContain("12:10 並木の投票所の回線が切れています");
  expect(panel("announcements").textContent).toContain("隣の投票所を案内");
  expect(panel("announcements").textContent).toContain(ja.alarms.more(1));
  expect(marks("ways")).toEqual(["well", "well", "well", "stops"]);
});

test("a line that no officer signed for this election isn't shown, and takes no line away that one signed", async () => {
  const told = { number: 1, at: "2026-11-29T03:10:00Z", text: "並木の投票所の回線が切れています", helpdesk: "", ways: ["station"], effect: "stops" };
  const forged = { ...told, text: "投票は中止です", ways: ["card"] };
  const stranger = new Uint8Array(32).fill(7);
  const at = "2026-11-29T03:20:00Z";
  const signed = spoken([told], "2026-11-29T03:11:00Z");
  const refused = [
    spoken([forged], at, {}, stranger),
    spoken([forged], at, { person: "nobody" }),
    spoken([forged], at, { path: "/elections/An0therE1ection/announcements.json" }),
    spoken([forged], at, { deployment: "another" }),
    spoken([forged], at, { service: "tally" }),
    spoken([forged], at, { kind: "tsukuba-evote access v1" }),
    { ...signed, announcements: JSON.stringify([forged]) },
    { announcements: JSON.stringify([forged]), statements: ["{}"] },
    // By an officer whose clock is hours ahead.
    spoken([forged], "2026-11-29T09:00:00Z"),
  ];
  server.answers.announcements = refused[0];
  await hang();
  expect(panel("announcements").textContent).toContain(ja.announcements.doubtful);
  expect(panel("announcements").textContent).not.toContain(ja.announcements.none);
  server.answers.announcements = signed;
  await later(10);
  expect(panel("announcements").textContent).not.toContain(ja.announcements.doubtful);
  for (const answer of refused) {
    server.answers.announcements = answer;
    await later(10);
    expect(panel("announcements").textContent).toContain(ja.announcements.doubtful);
    expect(panel("announcements").textContent).toContain(told.text);
    expect(root.textContent).not.toContain(forged.text);
    expect(marks("ways")).toEqual(["well", "well", "well", "stops"]);
  }
  // An older one that an officer did sign, and no file: a replica that hasn't the newest yet, or somebody who takes it back.
  for (const answer of [spoken([forged], "2026-11-29T03:10:59Z"), []]) {
    server.answers.announcements = answer;
    await later(10);
    expect(panel("announcements").textContent).toContain(told.text);
    expect(panel("announcements").textContent).not.toContain(ja.announcements.doubtful);
    expect(root.textContent).not.toContain(forged.text);
  }
  server.answers.announcements = spoken([], "2026-11-29T03:30:00Z");
  await later(10);
  expect(panel("announcements").textContent).toContain(ja.announcements.none);
});

test("the sound is off until somebody wants it, and rings while an alarm holds", async () => {
  server.fire(firing("EvoteTampering", "page"));
  await hang();
  expect(server.rung).toEqual([]);
  await press(ja.soundOn);
  expect(server.rung).toHaveLength(1);
  await act(() => {
    vi.advanceTimersByTime(11_000);
  });
  expect(server.rung).toHaveLength(3);
  await press(ja.alarms.acknowledge);
  await act(() => {
    vi.advanceTimersByTime(11_000);
  });
  expect(server.rung).toHaveLength(3);
});

test.each([
  ["before the opening", { opened_at: null, opens_at: "2026-11-29T04:30:20Z" }, "01:00:00"],
  ["opened late", { opened_at: null }, ja.close.notOpened],
  ["days before the close", { closes_at: "2026-12-02T04:30:20Z" }, "3日 01:00:00"],
  ["at the close", { closes_at: "2026-11-29T03:30:00Z" }, ja.close.due],
  ["closed", { closed_at: "2026-11-29T03:29:00Z" }, ja.close.closed],
])("%s", async (_, change, said) => {
  Object.assign(server.answers.election as object, change);
  await hang();
  expect(panel("close").textContent).toContain(said);
});

test("figures that there are not are said so: nothing is made up", async () => {
  for (const name of ["logged-within", "receipt-within", "face-waits", "pictures-waiting", "ballots-waiting", "releases-waiting", "anchoring-waits"] as const) {
    server.answers[name] = vector(...(name === "logged-within" ? [[{}, Number.NaN] as const] : []));
  }
  server.answers.coverage = { size: 9, witnessed_size: 9, chains: [] };
  await hang();
  expect(panel("queues").textContent).toContain(ja.queues.noFace);
  expect(panel("steps").textContent).toContain(ja.steps.noChain);
  expect(waits()).toEqual([ja.ways.waiting(null), ja.ways.waiting(null), ja.ways.waiting(null), undefined]);
  expect(root.textContent).not.toMatch(/NaN|undefined|Infinity/);
});

test("the log isn't green while an accepted ballot waits for it, or while nobody knows whether one does", async () => {
  server.answers.turnout = { ...(server.answers.turnout as object), logged: 100 };
  server.answers["unlogged-for"] = vector([{}, 42]);
  await hang();
  expect(marks("steps")).toEqual(["well", "slows", "well", "well"]);
  expect(panel("steps").textContent).toContain(ja.steps.oldest("42 秒"));
  server.fire(firing("EvoteBallotsUnlogged", "page"));
  await later(10);
  expect(marks("steps")).toEqual(["well", "stops", "well", "well"]);
  server.fire();
  server.answers["unlogged-for"] = vector([{}, Number.NaN]);
  await later(10);
  expect(marks("steps")).toEqual(["well", "unknown", "well", "well"]);
});

test("a step that this deployment has not is said to be none, in a shape and a word of its own", async () => {
  server.answers.coverage = { size: 9, witnessed_size: 0, chains: [] };
  await hang();
  expect(marks("steps")[2], "witnesses are asked, and have not answered").toBe("well");
  server.answers["witnesses-asked"] = vector();
  await later(10);
  expect(marks("steps")).toEqual(["well", "well", "unset", "unset"]);
  const [, , witnessed, anchored] = [...panel("steps").querySelectorAll("li")];
  for (const [step, said] of [[witnessed!, ja.steps.noWitness], [anchored!, ja.steps.noChain]] as const) {
    expect(step.textContent).toContain(said);
    expect(step.textContent).toContain(ja.state.unset);
    expect(step.textContent).not.toContain(ja.state.well);
    expect(step.querySelector(".figure")!.textContent).toContain(ja.noFigure);
  }
});

test("the language is changed by a button, and the watchdog is no alarm", async () => {
  await hang();
  await press(ja.otherLanguage);
  expect(panel("close").textContent).toContain(en.close.panel);
  expect(document.documentElement.lang).toBe("en");
  expect(root.textContent).not.toContain(en.alert.EvoteWatchdog);
  expect(WATCHDOG[0].alertname).toBe("EvoteWatchdog");
});
