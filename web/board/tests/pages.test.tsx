// @vitest-environment happy-dom
/** The public pages as their readers meet them, by sight and by a virtual screen reader, with pretend services. */

import { virtual } from "@guidepup/virtual-screen-reader";
import { prepareBallot, systemRandom, writeOpening } from "@tsukuba-evote/shared/belenios";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { Place } from "../app/address.ts";
import { App } from "../app/app.tsx";
import { en } from "../words/en.ts";
import { ja } from "../words/ja.ts";
import { CHOICES, CREDENTIAL, ELECTION, POLICY, PretendPublic, RECEIPT, RECEIPT_KEY, TRACKER } from "./pretend.ts";

let root: HTMLElement;
let pretend: PretendPublic;
beforeEach(() => {
  root = document.createElement("div");
  document.body.append(root);
  pretend = new PretendPublic();
});
afterEach(async () => {
  await virtual.stop();
  await act(() => render(null, root));
  root.remove();
});

async function open(place: Place, electionUuid: string | null = ELECTION.uuid, language: "ja" | "en" = "ja"): Promise<void> {
  await act(() =>
    render(
      <App
        language={language}
        helpdesk="選挙管理委員会 029-000-0000"
        around={{
          address: { electionUuid, place },
          services: pretend.services,
          receiptKey: RECEIPT_KEY,
          policy: POLICY,
          seen: document,
          // What is asked again comes once: more is for the test of polling. The camera looks again at once.
          pause: (milliseconds) => new Promise((resolve) => (milliseconds < 1000 ? setTimeout(resolve, 1) : undefined)),
          openScanner: () => pretend.openScanner(),
          tallyUrl: "https://tally.example",
        }}
        tellLanguage={() => {}}
      />,
      root,
    ),
  );
}

const text = () => root.textContent;
const type = (id: string, value: string) => {
  (document.getElementById(id) as HTMLTextAreaElement).value = value;
};
const submit = () =>
  act(() => {
    root.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  });

/** Every phrase from the beginning to the end. */
async function spoken(): Promise<string> {
  await virtual.start({ container: root.querySelector("main")! });
  const first = await virtual.lastSpokenPhrase();
  for (let phrases = 0; phrases < 300; phrases += 1) {
    await virtual.next();
    if ((await virtual.lastSpokenPhrase()) === first) {
      break;
    }
  }
  return (await virtual.spokenPhraseLog()).join("\n");
}

test("my ballot: each step is told with what it proves, and the heading had the focus", async () => {
  await open("ballot", ELECTION.uuid, "en");
  expect(document.activeElement).toBe(root.querySelector("h1"));
  expect(document.title).toContain(en.place.ballot);
  type("tracker", JSON.stringify(RECEIPT));
  await submit();
  await vi.waitFor(() => expect(text()).toContain(en.ballot.all));
  for (const proof of Object.values(en.ballot.proves)) {
    expect(text()).toContain(proof);
  }
  expect(text()).toContain("0xfeed");
  const log = await spoken();
  expect(log).toContain(`status`);
  expect(log).toContain(en.ballot.all);
  expect(log).toMatch(/heading, Independent witnesses: right, level 2/);
  expect(log).toContain(en.ballot.witnesses("one"));
});

test("my ballot: a lie is told as one, and nothing is proved by it", async () => {
  pretend.set("/proofs/inclusion", null);
  await open("ballot");
  type("tracker", TRACKER);
  await submit();
  await vi.waitFor(() => expect(text()).toContain(ja.ballot.wrong));
  expect(text()).not.toContain(ja.ballot.proves.included);
  expect(text()).not.toContain(ja.ballot.all);
});

test("my ballot: what is no tracker is told before anything is asked, and an outage is no verdict", async () => {
  await open("ballot");
  for (const [entered, message] of [
    ["", ja.ballot.empty],
    ["あ", ja.ballot.strange],
  ] as const) {
    type("tracker", entered);
    await submit();
    expect(root.querySelector("[role=alert]")!.textContent).toContain(message);
    expect(document.activeElement).toBe(root.querySelector("[role=alert]"));
  }
  expect(pretend.asked).toEqual([]);
  pretend.set("status", "lost");
  type("tracker", TRACKER);
  await submit();
  await vi.waitFor(() => expect(text()).toContain(ja.failed));
  expect(text()).not.toContain(ja.ballot.wrong);
});

test("nothing that was entered is in the address", async () => {
  await open("ballot");
  type("tracker", TRACKER);
  await submit();
  await vi.waitFor(() => expect(text()).toContain(ja.ballot.all));
  const links = [...root.querySelectorAll("a")].map(({ href }) => href);
  expect(links.length).toBeGreaterThan(5);
  expect([window.location.href, ...links].join(" ")).not.toContain(TRACKER.slice(0, 8));
});

test("the board lists trackers, tells after the close which were superseded, and finds one", async () => {
  await open("board");
  await vi.waitFor(() => expect(root.querySelector("tbody")!.textContent).toContain(TRACKER));
  expect(text()).toContain(ja.board.beforeClose);
  type("find-tracker", TRACKER);
  await submit();
  await vi.waitFor(() => expect(text()).toContain(ja.board.found(1)));
  expect(root.querySelector("tr[aria-current=true]")!.textContent).toContain(TRACKER);
  pretend.set(`/elections/${ELECTION.uuid}/ballots`, { items: [{ log_index: 4, tracker: TRACKER, superseded: true }], next: 4, log_size: 9 });
  type("find-tracker", "x");
  await submit();
  expect(text()).toContain(ja.intended.badTracker);
});

test("the next page begins behind the last line of this one", async () => {
  pretend.set(`/elections/${ELECTION.uuid}/ballots`, { items: [{ log_index: 4, tracker: TRACKER, superseded: true }], next: 4, log_size: 9 });
  await open("board");
  await vi.waitFor(() => expect(text()).toContain(ja.board.superseded));
  const next = [...root.querySelectorAll("button")].find((button) => button.textContent === ja.board.next)!;
  await act(() => next.click());
  await vi.waitFor(() => expect(new URL(pretend.asked.at(-1)!.url).searchParams.get("after")).toBe("4"));
});

test("the turnout is a table first, then the same as a plot", async () => {
  await open("turnout", ELECTION.uuid, "en");
  await vi.waitFor(() => expect(root.querySelector("svg")).not.toBeNull());
  const rows = [...root.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent));
  expect(rows).toEqual([
    ["12", "12.00"],
    ["28", "28.00"],
  ]);
  expect(root.querySelector("tfoot")!.textContent).toContain("29.00");
  const log = await spoken();
  expect(log).toContain("columnheader, Turnout (%)");
  expect(log).toContain(`image, ${en.turnout.plot}`);
});

test("beside a replica of the release before, which has no hours, the counts of now are shown", async () => {
  pretend.set(`/elections/${ELECTION.uuid}/turnout/by-hour`, null);
  await open("turnout");
  await vi.waitFor(() => expect(text()).toContain(ja.turnout.none));
  expect(root.querySelector("tfoot")!.textContent).toContain("29.00");
});

test("the result stands beside its answers, with the archive and the fingerprint", async () => {
  const counts = ELECTION.questions.map(({ answers, blank }) => Array.from({ length: answers.length + Number(blank) }, (_, at) => at + 1));
  pretend.set(`/elections/${ELECTION.uuid}/result`, JSON.stringify({ result: counts }));
  await open("result");
  await vi.waitFor(() => expect(text()).toContain(ja.result.intro));
  expect(root.querySelectorAll("table")).toHaveLength(ELECTION.questions.length);
  expect(text()).toContain(ELECTION.fingerprint);
  expect(root.querySelector<HTMLAnchorElement>("a[download]")!.href).toBe(`https://tally.example/elections/${ELECTION.uuid}/archive.bel`);
});

test("before the close there is neither a result nor an archive", async () => {
  pretend.set(`/elections/${ELECTION.uuid}`, { state: "open", certified_at: null, archive_sha256: null });
  await open("result");
  await vi.waitFor(() => expect(text()).toContain(ja.result.beforeClose));
  expect(text()).toContain(ja.result.none);
  expect(root.querySelector("a[download]")).toBeNull();
});

test("of a vote that was called off there is neither a result nor an archive to come", async () => {
  pretend.set(`/elections/${ELECTION.uuid}`, { state: "abandoned", certified_at: null, archive_sha256: null });
  await open("result");
  await vi.waitFor(() => expect(text()).toContain(ja.result.givenUp));
  expect(text()).not.toContain(ja.result.beforeClose);
  expect(root.querySelector("a[download]")).toBeNull();
});

test("what a monitor found is told in plain words, whatever kind it is", async () => {
  const notice = { where: "log index 3", expected: "a", found: "b", intact_at: null, raised_at: "2026-11-28T05:00:00Z" };
  pretend.set("/notices", {
    items: [
      { ...notice, finding: "f1", kind: "log-forked" },
      { ...notice, finding: "f2", kind: "of-a-newer-monitor" },
    ],
  });
  await open("status");
  await vi.waitFor(() => expect(text()).toContain(ja.status.kind["log-forked"]));
  expect(text()).toContain(ja.status.kind.other);
  expect(text()).not.toContain(ja.status.intact);
});

test("while all is well the state page says so, and how far the others are", async () => {
  await open("status", ELECTION.uuid, "en");
  await vi.waitFor(() => expect(text()).toContain(en.status.intact));
  expect([...root.querySelectorAll("td")].map(({ textContent }) => textContent)).toEqual(["9", "8", "7"]);
});

test("cast as intended: the ballot made again has the tracker that was shown, and its choice is told", async () => {
  const ballot = prepareBallot(ELECTION, CREDENTIAL, CHOICES, systemRandom);
  const other = prepareBallot(ELECTION, CREDENTIAL, CHOICES, systemRandom);
  await open("intended");
  type("opening", writeOpening(ballot.opening));
  type("shown-tracker", ballot.tracker);
  await submit();
  await vi.waitFor(() => expect(text()).toContain(ja.intended.same));
  const told = [...root.querySelectorAll("dd")].map(({ textContent }) => textContent);
  expect(told).toEqual(
    ELECTION.questions.flatMap(({ answers, blank }, at) => {
      const marks = CHOICES[at]!;
      const chosen = answers.filter((_, index) => marks[index + Number(blank)] === 1);
      return blank && marks[0] === 1 ? [ja.intended.blank] : chosen.length === 0 ? [ja.intended.nothing] : chosen;
    }),
  );
  type("shown-tracker", other.tracker);
  await submit();
  await vi.waitFor(() => expect(text()).toContain(ja.intended.differs));
  expect(text()).not.toContain(ja.intended.same);
  type("opening", writeOpening(ballot.opening).replace(ELECTION.uuid, "1".repeat(14)));
  await submit();
  await vi.waitFor(() => expect(text()).toContain(ja.intended.otherElection));
  type("opening", "https://example.com/");
  await submit();
  await vi.waitFor(() => expect(text()).toContain(ja.intended.badOpening));
  expect(pretend.asked.every((request) => request.method === "GET" && !request.url.includes(ballot.opening.seed))).toBe(true);
});

const press = (name: string) =>
  act(() => {
    [...root.querySelectorAll("button")].find((button) => button.textContent === name)!.click();
  });

test("a code before the camera is put where it would have been typed, and the camera goes off", async () => {
  pretend.camera.codes = [null, "https://example.com/", TRACKER];
  await open("ballot");
  expect(pretend.camera.opened).toBe(0);
  await press(ja.scan.button);
  await vi.waitFor(() => expect(text()).toContain(ja.scan.taken));
  expect((document.getElementById("tracker") as HTMLTextAreaElement).value).toBe(TRACKER);
  expect(document.activeElement!.id).toBe("tracker");
  expect(pretend.camera).toMatchObject({ opened: 1, closed: 1 });
  expect(root.querySelector("video")).toBeNull();
});

test("another code is told as one, and who stops or leaves has no camera on", async () => {
  pretend.camera.codes = ["https://example.com/"];
  await open("intended");
  await press(ja.scan.button);
  await vi.waitFor(() => expect(text()).toContain(ja.scan.strange));
  expect((document.getElementById("opening") as HTMLTextAreaElement).value).toBe("");
  await press(ja.scan.stop);
  await vi.waitFor(() => expect(pretend.camera.closed).toBe(1));
  await press(ja.scan.button);
  await vi.waitFor(() => expect(pretend.camera.opened).toBe(2));
  await act(() => render(null, root));
  await vi.waitFor(() => expect(pretend.camera.closed).toBe(2));
});

test("without a camera the page says why, and typing remains", async () => {
  pretend.camera.fault = "not-allowed";
  await open("intended", ELECTION.uuid, "en");
  await press(en.scan.button);
  await vi.waitFor(() => expect(text()).toContain(en.scan.fault["not-allowed"]));
  expect(document.getElementById("opening")).not.toBeNull();
  expect(root.querySelector("video")).toBeNull();
});

test("without an election in the address the page lets choose one", async () => {
  await open("ballot", null);
  await vi.waitFor(() => expect(text()).toContain("模擬住民投票"));
  expect(root.querySelector<HTMLAnchorElement>("main a")!.href).toContain(`election=${ELECTION.uuid}`);
});

test("the accessibility statement needs no election, is reached from every page, and says what was not tested", async () => {
  await open("board", null, "en");
  expect([...root.querySelectorAll("nav a")].map(({ textContent }) => textContent)).toContain(en.place.accessibility);
  await act(() => render(null, root));
  await open("accessibility", null, "en");
  expect(document.activeElement).toBe(root.querySelector("h1"));
  const log = await spoken();
  for (const part of ["scope", "goal", "tested", "untested", "exceptions"] as const) {
    expect(log).toContain(`heading, ${en.access[part]}, level 2`);
    expect(text()).toContain(en.access[`${part}Text`]);
  }
});

test("an election that is none is told", async () => {
  pretend.set(`/elections/${ELECTION.uuid}`, null);
  await open("result");
  await vi.waitFor(() => expect(text()).toContain(ja.noSuchElection));
});
