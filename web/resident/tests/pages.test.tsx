// @vitest-environment happy-dom
/** The pages as a voter meets them, with the real machine and protocol behind and pretend services beyond. */

import { type Around, AroundContext } from "@tsukuba-evote/shared/pages";
import type { Question } from "@tsukuba-evote/shared/belenios";
import { LyingService, newDeviceKeys } from "@tsukuba-evote/shared/device";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { QuestionPage } from "../pages/question.tsx";
import { Vote, type VoteProps } from "../pages/vote.tsx";
import { followHistory } from "../app/places.ts";
import { Keeper } from "../vote/kept.ts";
import { Refused } from "../vote/retrying.ts";
import { Session } from "../vote/session.ts";
import type { CardState } from "../ways/agent.ts";
import { AgentRefused } from "../ways/agent.ts";
import { CameraRefused } from "../ways/camera.ts";
import { ja } from "../words/ja.ts";
import { CLOSED, CLOSED_BY_CLOCK, CREDENTIAL, directProtocol, ELECTION, LOG_KEY, LOST, PretendServices, RECEIPT_KEY } from "./pretend.ts";

let root: HTMLElement;
beforeEach(() => {
  root = document.createElement("div");
  document.body.append(root);
});
afterEach(async () => {
  await act(() => render(null, root));
  root.remove();
  sessionStorage.clear();
});

const around: Around = { language: "ja", setLanguage: () => {}, helpdesk: "選挙管理委員会 029-000-0000" };
const notice = {
  name: "模擬住民投票",
  description: "これは模擬です。",
  opensAt: "2026-11-20T00:00:00Z",
  closesAt: "2026-11-30T11:00:00Z",
  stage: "open",
} as const;
const ready: CardState = { code: "ready", pinTriesLeft: 3, passwordTriesLeft: 5 };

function sessionOf(pretend: PretendServices, wait: (seconds: number) => Promise<void> = async () => {}): Session {
  return new Session({
    election: ELECTION,
    rollSize: 2,
    services: pretend.services,
    protocol: directProtocol(),
    keeper: new Keeper(sessionStorage),
    receiptKey: RECEIPT_KEY,
    logKey: LOG_KEY,
    wait,
    signal: new AbortController().signal,
  });
}

function voteOf(pretend: PretendServices, changed: Partial<VoteProps> = {}): VoteProps {
  const session = sessionOf(pretend);
  return {
    session,
    notice,
    ways: ["card", "face"],
    checkPage: "https://check.example/",
    phone: { returned: null, leave: async () => {}, release: async () => ({ credential: CREDENTIAL, holder: "斎藤 花子" }) },
    card: { look: async () => ready, release: async () => CREDENTIAL },
    face: {
      votingCode: null,
      order: () => Promise.reject(new Error("unexpected")),
      openCamera: () => Promise.reject(new CameraRefused("no-camera")),
      begin: () => Promise.reject(new Error("unexpected")),
      release: () => Promise.reject(new Error("unexpected")),
    },
    follow: (_, __, tell) => {
      tell("logged");
    },
    back: () => {},
    hurry: () => {},
    print: () => {},
    reload: () => {},
    ...changed,
  };
}

async function show(props: VoteProps): Promise<void> {
  await act(() =>
    render(
      <AroundContext.Provider value={around}>
        <Vote {...props} />
      </AroundContext.Provider>,
      root,
    ),
  );
}

/** What the voter sees. */
const seen = () => root.querySelector("main")!.textContent!;
const heading = () => root.querySelector("h1")!;

function named(name: string): HTMLElement {
  const found = [...root.querySelectorAll<HTMLElement>("button, a, input")].find(
    (element) => element.textContent!.includes(name) || element.closest("label")?.textContent!.includes(name) === true,
  );
  if (found === undefined) {
    throw new Error(`nothing is called ${name}: ${seen()}`);
  }
  return found;
}

async function press(name: string): Promise<void> {
  await act(async () => {
    named(name).click();
  });
}

async function until(what: () => boolean): Promise<void> {
  await vi.waitFor(async () => {
    await act(async () => {});
    if (!what()) {
      throw new Error(`not yet: ${seen()}`);
    }
  }, 30_000);
}

async function toReview(): Promise<void> {
  await press(ja.landing.card);
  await until(() => seen().includes(ja.card.ready));
  await press(ja.card.begin);
  await until(() => root.querySelector("fieldset") !== null);
  await press("賛成");
  await press(ja.next);
  await until(() => root.querySelector(".cast") !== null);
}

test("from the election's page to the receipt, with every title saying whether the vote was cast", async () => {
  const pretend = new PretendServices();
  const titles: string[] = [];
  const note = () => titles.push(document.title);
  await show(voteOf(pretend));
  note();
  await press(ja.landing.card);
  note();
  await until(() => seen().includes(ja.card.ready));
  await press(ja.card.begin);
  await until(() => root.querySelector("fieldset") !== null);
  note();
  await press("賛成");
  await press(ja.next);
  await until(() => root.querySelector(".cast") !== null);
  note();
  expect(seen()).toContain("賛成");
  await press(ja.review.cast);
  await until(() => heading().textContent === ja.receipt.title);
  expect(titles.every((title) => title.startsWith(ja.notYetVoted))).toBe(true);
  expect(document.title).not.toContain(ja.notYetVoted);
  expect(seen()).not.toContain(ja.notYetVoted);
  expect(pretend.taken).toHaveLength(1);
  // The receipt says nothing of the choice.
  expect(seen()).toContain(pretend.taken[0]!.receipt.tracker);
  expect(seen()).not.toContain("賛成");
  expect(root.querySelector("svg")!.getAttribute("aria-label")).toBe(ja.receipt.qr);
});

test("the heading has the focus on each page", async () => {
  await show(voteOf(new PretendServices()));
  expect(document.activeElement).toBe(heading());
  await press(ja.landing.card);
  await until(() => seen().includes(ja.card.ready));
  expect(document.activeElement).toBe(heading());
  await press(ja.card.begin);
  await until(() => root.querySelector("fieldset") !== null);
  expect(document.activeElement).toBe(heading());
  expect(heading().closest("legend")).not.toBeNull();
});

test("a double tap on the button casts once", async () => {
  const pretend = new PretendServices();
  await show(voteOf(pretend));
  await toReview();
  const button = named(ja.review.cast);
  await act(async () => {
    button.click();
    button.click();
  });
  await until(() => heading().textContent === ja.receipt.title);
  expect(pretend.casts).toHaveLength(1);
});

test("without an answer the summary takes the focus, and leads to the first answer", async () => {
  await show(voteOf(new PretendServices()));
  await press(ja.landing.card);
  await until(() => seen().includes(ja.card.ready));
  await press(ja.card.begin);
  await until(() => root.querySelector("fieldset") !== null);
  await press(ja.next);
  const summary = root.querySelector<HTMLElement>(".errors")!;
  expect(document.activeElement).toBe(summary);
  expect(summary.textContent).toContain(ja.question.missing);
  await press(ja.question.missing);
  expect(document.activeElement!.id).toBe("answer-0");
});

test("while no answer comes the voter reads that nothing is cast yet, and can try at once", async () => {
  const pretend = new PretendServices();
  pretend.beforeTaking.push(LOST);
  const hurry = vi.fn();
  const props = voteOf(pretend, { hurry });
  let go: () => void = () => {};
  const waiting = new Promise<void>((resolve) => {
    go = resolve;
  });
  const session = sessionOf(pretend, () => waiting);
  await show({ ...props, session });
  await toReview();
  await press(ja.review.cast);
  await until(() => seen().includes(ja.casting.noAnswer));
  expect(document.title).toContain(ja.notYetVoted);
  expect(seen()).toContain(ja.casting.stay);
  await press(ja.tryNow);
  expect(hurry).toHaveBeenCalledOnce();
  await act(async () => {
    go();
  });
  await until(() => heading().textContent === ja.receipt.title);
  expect(pretend.taken).toHaveLength(1);
});

test("after finishing nothing of the vote is in storage, history, address or page", async () => {
  const pretend = new PretendServices();
  const props = voteOf(pretend);
  const states: unknown[] = [];
  const push = vi.spyOn(history, "pushState").mockImplementation((state) => void states.push(state));
  followHistory(window, props.session);
  await show(props);
  await toReview();
  await press(ja.review.cast);
  await until(() => heading().textContent === ja.receipt.title);
  const { tracker } = pretend.taken[0]!.receipt;
  await press(ja.receipt.finish);
  push.mockRestore();
  expect(heading().textContent).toBe(ja.finished.title);
  expect(sessionStorage).toHaveLength(0);
  expect(localStorage).toHaveLength(0);
  expect(document.cookie).toBe("");
  for (const trace of [CREDENTIAL, tracker, "賛成"]) {
    expect(JSON.stringify(states) + window.location.href + document.documentElement.outerHTML).not.toContain(trace);
  }
});

test("checking instead of casting shows the opening's code, and casts nothing", async () => {
  const pretend = new PretendServices();
  await show(voteOf(pretend));
  await toReview();
  const tracker = root.querySelector(".tracker")!.textContent!;
  await press(ja.review.check);
  expect(heading().textContent).toBe(ja.opened.title);
  expect(root.querySelector("svg")!.getAttribute("aria-label")).toBe(ja.opened.code);
  expect(seen()).toContain(tracker);
  await press(ja.opened.fresh);
  await until(() => root.querySelector(".cast") !== null);
  expect(root.querySelector(".tracker")!.textContent).not.toBe(tracker);
  expect(pretend.casts).toEqual([]);
});

test("a refusal that is for good says that nothing was cast, why, and what to do", async () => {
  const pretend = new PretendServices();
  pretend.beforeTaking.push({ status: 403, slug: "no-ballots-left" });
  await show(voteOf(pretend));
  await toReview();
  await press(ja.review.cast);
  await until(() => heading().textContent === ja.refused.title);
  for (const words of [ja.refused.notCast, ja.advice.noBallotsLeft.title, ja.advice.noBallotsLeft.todo]) {
    expect(seen()).toContain(words);
  }
});

test("a voter whose ballot had no answer at the close is told what is asked, and what came of it", async () => {
  const pretend = new PretendServices();
  pretend.beforeTaking.push(LOST, ...Array.from({ length: 50 }, () => CLOSED_BY_CLOCK));
  // Each pause lasts until the test says.
  const pauses: (() => void)[] = [];
  const session = sessionOf(pretend, () => new Promise((resolve) => void pauses.push(resolve)));
  const reload = vi.fn();
  await show(voteOf(pretend, { session, reload }));
  await toReview();
  const tracker = root.querySelector(".tracker")!.textContent!;
  await press(ja.review.cast);
  const go = () => act(async () => pauses.shift()!());
  await until(() => pauses.length > 0);
  expect(document.title).toContain(ja.notYetVoted);
  await go();
  await until(() => heading().textContent === ja.casting.closedTitle);
  expect(document.activeElement).toBe(heading());
  expect(root.querySelector("[role=status]")!.textContent).toBe(ja.casting.closed(10));
  for (const words of [ja.casting.closedStay, tracker]) {
    expect(seen()).toContain(words);
  }
  while (session.state.at === "casting") {
    await until(() => pauses.length > 0 || session.state.at !== "casting");
    if (pauses.length > 0) {
      await go();
    }
  }
  await until(() => heading().textContent === ja.refused.inDoubt);
  expect(document.activeElement).toBe(heading());
  for (const words of [ja.advice.inDoubt.todo, tracker, "https://check.example/"]) {
    expect(seen()).toContain(words);
  }
  // Neither that it was cast nor that it wasn't: nobody knows.
  expect(document.title.startsWith(ja.votedInDoubt)).toBe(true);
  expect(document.documentElement.outerHTML + document.title).not.toContain(ja.notYetVoted);
  expect(seen()).not.toContain(ja.refused.notCast);
  await press(ja.refused.ask);
  expect(reload).toHaveBeenCalledOnce();
});

test("a voter who missed an answer is told that the ballot is not cast, once that is settled", async () => {
  const pretend = new PretendServices();
  pretend.beforeTaking.push(LOST, CLOSED);
  await show(voteOf(pretend));
  await toReview();
  await press(ja.review.cast);
  await until(() => heading().textContent === ja.refused.title);
  for (const words of [ja.refused.notCast, ja.advice.closed.title, ja.advice.closed.todo]) {
    expect(seen()).toContain(words);
  }
  expect(seen()).not.toContain(ja.refused.ask);
  expect(document.title).toContain(ja.notYetVoted);
});

test("who comes too late, by whichever way, is shown no way in any more", async () => {
  const refuses = (slug: string) => () => Promise.reject(new Refused(slug, {}, new Response()));
  const [tooLate, calledOff] = [refuses("election-closed"), refuses("election-abandoned")];
  for (const [way, begin, said, over] of [
    ["card", ja.card.begin, ja.landing.closed, { card: { look: async () => ready, release: tooLate } }],
    ["card", ja.card.begin, ja.landing.abandoned, { card: { look: async () => ready, release: calledOff } }],
    ["phone", ja.phone.begin, ja.landing.closed, { ways: ["phone", "card"], phone: { returned: null, leave: tooLate, release: tooLate } }],
  ] as const) {
    await show(voteOf(new PretendServices(), over));
    await press(ja.landing[way]);
    await until(() => seen().includes(begin));
    await press(begin);
    await until(() => heading().textContent === ja.refused.title);
    expect(seen()).not.toContain(ja.otherWays);
    await press(ja.refused.toElection);
    expect(seen()).toContain(said);
    expect(seen()).not.toContain(ja.landing.ways);
    await act(() => render(null, root));
  }
});

test("a card that is locked names the other ways", async () => {
  const release = () => Promise.reject(new AgentRefused("pin-locked"));
  await show(voteOf(new PretendServices(), { card: { look: async () => ready, release } }));
  await press(ja.landing.card);
  await until(() => seen().includes(ja.card.ready));
  await press(ja.card.begin);
  await until(() => seen().includes(ja.agent.pinLocked.title));
  expect(seen()).toContain(ja.landing.face);
  expect(seen()).toContain(ja.landing.counter);
});

test("a wrong PIN tells the tries that are left", async () => {
  const release = () => Promise.reject(new AgentRefused("password-wrong", 2));
  await show(voteOf(new PretendServices(), { card: { look: async () => ready, release } }));
  await press(ja.landing.card);
  await until(() => seen().includes(ja.card.ready));
  await press(ja.card.begin);
  await until(() => seen().includes(ja.card.triesLeft(2)));
});

test("without the agent the page tells how to start it", async () => {
  await show(voteOf(new PretendServices(), { card: { look: null, release: () => Promise.reject(new Error("unexpected")) } }));
  await press(ja.landing.card);
  await until(() => seen().includes(ja.card.install));
});

test("a code with a slip is told at the field, and nothing is sent", async () => {
  await show(voteOf(new PretendServices()));
  await press(ja.landing.face);
  const field = root.querySelector<HTMLInputElement>("#voting-code")!;
  await act(async () => {
    field.value = "GST4-WRVW-X7F4-8GGE";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await press(ja.face.codeNext);
  expect(root.querySelector(".errors")!.textContent).toContain(ja.face.codeMistyped);
  expect(root.querySelector("#voting-code")!.getAttribute("aria-invalid")).toBe("true");
});

test("without a camera the voter is told, and no attempt is taken", async () => {
  const begin = vi.fn(() => Promise.reject(new Error("unexpected")));
  const face = {
    ...voteOf(new PretendServices()).face,
    votingCode: "GST4WRVWX7F48GGF",
    order: async () => ({ keys: { signing: new Uint8Array(), sealing: new Uint8Array(), text: "" }, order: "", id: "" }),
    openCamera: () => Promise.reject(new CameraRefused("in-app-browser")),
    begin,
  };
  await show(voteOf(new PretendServices(), { face }));
  expect(seen()).toContain(ja.landing.codeRead);
  await press(ja.landing.face);
  expect(root.querySelector<HTMLInputElement>("#voting-code")!.value).toBe("GST4-WRVW-X7F4-8GGF");
  await press(ja.face.codeNext);
  await until(() => seen().includes(ja.face.explain));
  await press(ja.face.start);
  await until(() => seen().includes(ja.face.inApp));
  expect(begin).not.toHaveBeenCalled();
  expect(seen()).toContain(ja.landing.card);
});

test("what the camera sees is on the page, and it is off as soon as the voter goes back", async () => {
  const shown: unknown[] = [];
  const close = vi.fn();
  const face = {
    ...voteOf(new PretendServices()).face,
    votingCode: "GST4WRVWX7F48GGF",
    order: async () => ({ keys: { signing: new Uint8Array(), sealing: new Uint8Array(), text: "" }, order: "", id: "" }),
    openCamera: async () => ({
      show: async (video: HTMLVideoElement) => void shown.push(video.isConnected, video.tagName),
      burst: (_: unknown, tell: (pose: "blink", step: number, steps: number) => void) => {
        tell("blink", 2, 3);
        return new Promise<never>(() => {});
      },
      close,
    }),
    begin: async () => ({ id: "", nonce: "", actions: [], attemptsLeft: 2 }),
  };
  const props = voteOf(new PretendServices(), { face });
  await show(props);
  await press(ja.landing.face);
  await press(ja.face.codeNext);
  await until(() => seen().includes(ja.face.explain));
  await press(ja.face.start);
  await until(() => seen().includes(ja.face.blink) && seen().includes(ja.face.step(2, 3)));
  expect(shown).toEqual([true, "VIDEO"]);
  expect(close).not.toHaveBeenCalled();
  await act(() => props.session.send({ type: "went-to", place: "landing" }));
  expect(close).toHaveBeenCalled();
});

test("the accessibility statement says what was not tested, and leads back to the election", async () => {
  await show(voteOf(new PretendServices()));
  await press(ja.access.title);
  expect(heading().textContent).toBe(ja.access.title);
  expect(document.activeElement).toBe(heading());
  expect(seen()).toContain(ja.access.untestedText);
  await press(ja.back);
  expect(heading().textContent).toBe(notice.name);
  expect(document.activeElement).toBe(heading());
});

test("the code of a letter is not there for who comes next", async () => {
  const props = voteOf(new PretendServices());
  await show({ ...props, face: { ...props.face, votingCode: "GST4WRVWX7F48GGF" } });
  expect(seen()).toContain(ja.landing.codeRead);
  await toReview();
  await press(ja.review.cast);
  await until(() => heading().textContent === ja.receipt.title);
  await press(ja.receipt.finish);
  await press(ja.finished.restart);
  expect(seen()).not.toContain(ja.landing.codeRead);
  await press(ja.landing.face);
  expect(root.querySelector<HTMLInputElement>("#voting-code")!.value).toBe("");
});

test("where several may be chosen, too many are told and none is taken away", async () => {
  const question: Question = { question: "三つの事業から", answers: ["一つ目", "二つ目", "三つ目"], blank: true, min: 1, max: 2 };
  const marked: (readonly number[])[] = [];
  await act(() =>
    render(
      <AroundContext.Provider value={around}>
        <QuestionPage
          question={question}
          official="三つの事業があります。"
          index={0}
          count={1}
          choice={[0, 1, 1, 0]}
          unanswered={true}
          onMark={(choice) => void marked.push(choice)}
          onContinue={() => {}}
          onBack={null}
        />
      </AroundContext.Provider>,
      root,
    ),
  );
  expect(root.querySelector("details")!.textContent).toContain("三つの事業があります。");
  await press("三つ目");
  expect(marked).toEqual([[0, 1, 1, 1]]);
  await press(ja.question.blank);
  expect(marked.at(-1)).toEqual([1, 0, 0, 0]);
  expect([...root.querySelectorAll("input")].map(({ type }) => type)).toEqual(["checkbox", "checkbox", "checkbox", "checkbox"]);
});

const back = (code: string | null) => ({
  state: { electionUuid: ELECTION.uuid, challengeId: "0f".repeat(16), keys: newDeviceKeys((count) => new Uint8Array(count).fill(5)) },
  code,
});

test("who comes back from the app is asked whether the credential is theirs, and what came back is used once", async () => {
  const asked: string[] = [];
  const props = voteOf(new PretendServices(), {
    ways: ["phone", "card", "face"],
    phone: {
      returned: back("code"),
      leave: async () => {},
      release: async ({ code }) => {
        asked.push(code);
        return { credential: CREDENTIAL, holder: "斎藤 花子" };
      },
    },
  });
  props.session.send({ type: "way-chosen", way: "phone" });
  await show(props);
  await until(() => heading().textContent === ja.phone.whose);
  expect(document.activeElement).toBe(heading());
  expect(seen()).toContain("斎藤 花子");
  await press(ja.phone.mine);
  await until(() => root.querySelector("fieldset") !== null);
  expect(asked).toEqual(["code"]);
});

test("who followed somebody else's address back from the app sees the name, and votes with nobody's credential", async () => {
  const props = voteOf(new PretendServices(), {
    ways: ["phone", "card"],
    phone: { returned: back("code"), leave: async () => {}, release: async () => ({ credential: CREDENTIAL, holder: "別人 太郎" }) },
  });
  props.session.send({ type: "way-chosen", way: "phone" });
  await show(props);
  await until(() => heading().textContent === ja.phone.whose);
  await press(ja.phone.notMine);
  expect(seen()).toContain(ja.phone.somebodyElses);
  expect(seen()).toContain(ja.landing.card);
  expect(seen()).not.toContain("別人 太郎");
  expect(props.session.state).toEqual({ at: "identifying", way: "phone" });
  named(ja.phone.begin);
});

test("whatever goes wrong by phone, the page says so and names every other way", async () => {
  const nothing = () => Promise.reject(new Error("nothing is released"));
  const lost = { returned: null, leave: () => Promise.reject(new LyingService("elsewhere")), release: nothing };
  const refused = {
    returned: back("code"),
    leave: async () => {},
    release: () => Promise.reject(new Refused("phone-signature-missing", {}, new Response())),
  };
  const gaveUp = { returned: back(null), leave: async () => {}, release: nothing };
  for (const [phone, said] of [
    [lost, ja.advice.lying.title],
    [refused, ja.advice.phoneUnsigned.title],
    [gaveUp, ja.phone.givenUp],
  ] as const) {
    const props = voteOf(new PretendServices(), { ways: ["phone", "card", "face"], phone });
    props.session.send({ type: "way-chosen", way: "phone" });
    await show(props);
    if (phone === lost) {
      await press(ja.phone.begin);
    }
    await until(() => seen().includes(said));
    for (const other of [ja.landing.card, ja.landing.face, ja.landing.counter]) {
      expect(seen()).toContain(other);
    }
    named(ja.phone.begin);
    await act(() => render(null, root));
  }
});
