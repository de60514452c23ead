/** Nothing secret stays in the address bar or in the history. */

import { expect, test } from "vitest";

import { vectors } from "../../shared/tests/vectors.ts";
import { type Addressed, arrive } from "../app/address.ts";
import { followHistory, type Historied } from "../app/places.ts";
import type { State } from "../vote/machine.ts";

/** A browser's address bar and history. */
class Browser implements Addressed, Historied {
  readonly location: { href: string };
  entries: { state: unknown; url: string }[];
  readonly #listeners: (() => void)[] = [];
  #at = 0;
  readonly history = {
    state: null as unknown,
    replaceState: (state: unknown, _: string, url?: string) => {
      this.location.href = url ?? this.location.href;
      this.#go(this.#at, [...this.entries.slice(0, this.#at), { state, url: this.location.href }]);
    },
    pushState: (state: unknown) => {
      this.#go(this.#at + 1, [...this.entries.slice(0, this.#at + 1), { state, url: this.location.href }]);
    },
  };

  constructor(href: string) {
    this.location = { href };
    this.entries = [{ state: null, url: href }];
  }

  addEventListener(_: "popstate", listener: () => void): void {
    this.#listeners.push(listener);
  }

  back(): void {
    this.#go(this.#at - 1, this.entries);
    for (const listener of this.#listeners) {
      listener();
    }
  }

  #go(at: number, entries: { state: unknown; url: string }[]): void {
    this.#at = at;
    this.entries = entries;
    this.history.state = entries[at]!.state;
  }
}

const uuid = "Kfv5ngiYbJzRHQ";

test("the agent's secret is taken and erased, the election stays", () => {
  const browser = new Browser(`https://vote.example/?election=${uuid}#card-agent=28741.${"s".repeat(43)}`);
  expect(arrive(browser)).toEqual({ electionUuid: uuid, pairing: { port: 28741, secret: "s".repeat(43) }, votingCode: null, phone: null });
  expect(browser.entries).toEqual([{ state: null, url: `https://vote.example/?election=${uuid}` }]);
});

test("the voting code of the post card is taken and erased", () => {
  const browser = new Browser(`https://vote.example/?election=${uuid}#code=GST4-WRVW-X7F4-8GGF`);
  expect(arrive(browser).votingCode).toBe("GST4-WRVW-X7F4-8GGF");
  expect(JSON.stringify(browser.entries)).not.toContain("GST4");
});

const { state: carried } = vectors<{ phone: { state: string } }>("device/occasion.json").phone;

test("what the phone's app brings back is taken and erased, and names the election in a browser that never saw this page", () => {
  const browser = new Browser(`https://vote.example/#code=of-the-provider&state=${carried}`);
  const arrival = arrive(browser);
  expect(arrival).toMatchObject({ electionUuid: uuid, votingCode: null, phone: { code: "of-the-provider", state: { electionUuid: uuid } } });
  expect(browser.entries).toEqual([{ state: null, url: `https://vote.example/?election=${uuid}` }]);
});

test("who gave up in the app comes back without a code, and somebody's link brings nothing", () => {
  expect(arrive(new Browser(`https://vote.example/#error=access_denied&state=${carried}`)).phone).toMatchObject({ code: null });
  expect(arrive(new Browser("https://vote.example/#code=GST4&state=x"))).toEqual({ electionUuid: null, pairing: null, votingCode: null, phone: null });
});

test("an address without secrets is left as it is", () => {
  const browser = new Browser("https://vote.example/?election=<script>");
  expect(arrive(browser)).toEqual({ electionUuid: null, pairing: null, votingCode: null, phone: null });
  expect(browser.location.href).toBe("https://vote.example/?election=<script>");
});

/** A vote that does what it is told. */
function voteAt(states: Readonly<Record<string, State>>, first: string) {
  const listeners: (() => void)[] = [];
  const vote = {
    state: states[first]!,
    subscribe: (listener: () => void) => void listeners.push(listener),
    send: ({ place }: { readonly place: string }) => {
      vote.go(place);
    },
    go: (name: string) => {
      const state = states[name];
      if (state !== undefined) {
        vote.state = state;
        for (const listener of listeners) {
          listener();
        }
      }
    },
  };
  return vote;
}

const answers = { credential: "secret", choices: [[0, 1]] };
const question = (index: number): State => ({ at: "question", index, answers, unanswered: false });
const states: Readonly<Record<string, State>> = {
  "question-1": question(0),
  "question-2": question(1),
  review: { at: "review", answers, ballot: null },
  casting: { at: "casting", start: { kind: "reloaded", tracker: "", body: "" }, delay: { why: "sending" } },
};

test("Back leads through the questions, and the history holds their names only", () => {
  const browser = new Browser("https://vote.example/");
  const vote = voteAt(states, "question-1");
  followHistory(browser, vote);
  vote.go("question-2");
  vote.go("review");
  expect(browser.entries.map(({ state }) => state)).toEqual([{ place: "question-1" }, { place: "question-2" }, { place: "review" }]);
  browser.back();
  expect(vote.state).toBe(states["question-2"]);
  expect(browser.entries).toHaveLength(3);
  expect(JSON.stringify(browser.entries)).not.toContain("secret");
});

test("Back from the first question stays there", () => {
  const browser = new Browser("https://vote.example/");
  const vote = voteAt({ ...states, landing: { at: "landing" } }, "landing");
  followHistory(browser, vote);
  vote.go("question-1");
  // The machine doesn't go back to before the identification.
  vote.send = () => {};
  browser.back();
  expect(vote.state).toBe(states["question-1"]);
  expect(browser.history.state).toEqual({ place: "question-1" });
});

test("Back while a ballot is being cast changes nothing", () => {
  const browser = new Browser("https://vote.example/");
  const vote = voteAt(states, "question-1");
  followHistory(browser, vote);
  vote.go("review");
  vote.go("casting");
  vote.send = () => {};
  browser.back();
  expect(vote.state).toBe(states["casting"]);
});
