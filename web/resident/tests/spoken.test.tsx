// @vitest-environment happy-dom
/** What a screen reader says of the pages (a virtual one: no substitute for people who use one). */

import { AroundContext } from "@tsukuba-evote/shared/pages";
import { type Language, Text } from "@tsukuba-evote/shared/words";
import { virtual } from "@guidepup/virtual-screen-reader";
import { render, type VNode } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Casting } from "../pages/casting.tsx";
import { QuestionPage } from "../pages/question.tsx";
import { ReceiptPage } from "../pages/receipt.tsx";
import { en } from "../words/en.ts";
import { yasashii } from "../words/yasashii.ts";

let root: HTMLElement;
beforeEach(() => {
  root = document.createElement("div");
  document.body.append(root);
});
afterEach(async () => {
  await virtual.stop();
  await act(() => render(null, root));
  root.remove();
});

/** Every phrase from the beginning to the end. */
async function spoken(page: VNode, language: Language): Promise<readonly string[]> {
  const around = { language, setLanguage: () => {}, helpdesk: "029-000-0000" };
  await act(() => render(<AroundContext.Provider value={around}>{page}</AroundContext.Provider>, root));
  await virtual.start({ container: root.querySelector("main") ?? root });
  const first = await virtual.lastSpokenPhrase();
  for (let phrases = 0; phrases < 200; phrases += 1) {
    await virtual.next();
    if ((await virtual.lastSpokenPhrase()) === first) {
      break;
    }
  }
  return virtual.spokenPhraseLog();
}

test("the reading above a word is not read after it", async () => {
  const log = await spoken(
    <main>
      <p>
        <Text of={yasashii.notYetVoted} />
      </p>
    </main>,
    "yasashii",
  );
  expect(log.join(" ")).toContain("投票");
  expect(log.join(" ")).not.toContain("とうひょう");
});

test("a question is a group with its question as name, and its answers one of which may be chosen", async () => {
  const log = await spoken(
    <QuestionPage
      question={{ question: "計画に賛成ですか", answers: ["賛成", "反対"], blank: true, min: 1, max: 1 }}
      official=""
      index={0}
      count={2}
      choice={[0, 1, 0]}
      unanswered={false}
      onMark={() => {}}
      onContinue={() => {}}
      onBack={null}
    />,
    "en",
  );
  const text = log.join("\n");
  expect(text).toContain(en.notYetVoted);
  expect(text).toMatch(/group, .*Question 1 of 2.*計画に賛成ですか/);
  expect(text).toContain("heading, 計画に賛成ですか, level 1");
  expect(text).toMatch(/radio, 賛成, .*checked/);
  expect(text).toMatch(/radio, 反対, .*not checked/);
  expect(text).toMatch(/radio, Blank vote/);
  expect(text).toContain("button, Continue");
});

test("while a ballot is on its way, that it is not cast yet is heard, and what goes on is a status", async () => {
  const log = await spoken(<Casting delay={{ why: "no-answer" }} tracker="T" hurry={() => {}} />, "en");
  expect(log).toContain(en.casting.stay);
  expect(log.join("\n")).toContain("status");
  expect(log).toContain(en.casting.noAnswer);
  expect(log).toContain("button, Try now");
});

test("a receipt is heard with its tracker, and how far the ballot is by words and not by marks", async () => {
  const log = await spoken(
    <ReceiptPage
      electionName="模擬住民投票"
      receipt={{ election_uuid: "1", tracker: "TRACKER", position: { partition: 0, offset: 0 }, accepted_at: "2026-11-28T03:00:00Z", signature: "" }}
      checkPage="https://check.example/"
      follow={(_, tell) => {
        tell("logged");
      }}
      print={() => {}}
      finish={() => {}}
    />,
    "en",
  );
  const text = log.join("\n");
  expect(text).toContain("heading, Your vote was received, level 1");
  expect(text).toContain("TRACKER");
  expect(text).toContain("image, QR code of the tracker");
  expect(text).toContain("In the public log\ndone");
  expect(text).toContain("Confirmed by independent witnesses\nto come");
  expect(text).not.toContain(en.notYetVoted);
});
