/** The receipt: to keep, to print, and how far the ballot is recorded. It says nothing of the choice. */

import { Qr, timeOf, useAround } from "@tsukuba-evote/shared/pages";
import { plain, Text } from "@tsukuba-evote/shared/words";
import type { Receipt } from "@tsukuba-evote/shared/check";
import type { VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";

import { type Progress, STAGES } from "../vote/progress.ts";
import { Page } from "./page.tsx";
import { useWords } from "./surroundings.ts";

interface ReceiptProps {
  readonly electionName: string;
  readonly receipt: Receipt;
  readonly checkPage: string;
  /** Tells how far the ballot is, until the signal. */
  readonly follow: (signal: AbortSignal, tell: (progress: Progress) => void) => void;
  readonly print: () => void;
  readonly finish: () => void;
}

export function ReceiptPage({ electionName, receipt, checkPage, follow, print, finish }: ReceiptProps): VNode {
  const words = useWords();
  const { language } = useAround();
  // The receipt itself says this much.
  const [reached, setReached] = useState<(typeof STAGES)[number]>("accepted");
  const [away, setAway] = useState(false);
  const { tracker } = receipt;
  useEffect(() => {
    const left = new AbortController();
    follow(left.signal, (progress) => {
      setAway(progress === "unknown");
      if (progress !== "unknown") {
        setReached(progress);
      }
    });
    return () => {
      left.abort();
    };
  }, [tracker]);
  return (
    <Page title={words.receipt.title} voted="cast">
      <p class="done">
        <strong>
          <Text of={words.receipt.done} />
        </strong>
      </p>
      <dl>
        <dt lang="ja" class="official">
          {electionName}
        </dt>
        <dd>
          <Text of={words.receipt.at} />: <time dateTime={receipt.accepted_at}>{timeOf(receipt.accepted_at, language)}</time>
        </dd>
        <dt>
          <Text of={words.receipt.tracker} />
        </dt>
        <dd class="tracker">{tracker}</dd>
      </dl>
      <Qr text={tracker} label={plain(words.receipt.qr)} />
      <p>
        <Text of={words.receipt.keep} />
      </p>
      <p>
        <Text of={words.receipt.checkPage} />: <span class="address">{checkPage}</span>
      </p>
      <section aria-labelledby="states" class="screen">
        <h2 id="states">
          <Text of={words.receipt.states} />
        </h2>
        <ol class="states" aria-live="polite">
          {STAGES.map((stage) => {
            const isReached = STAGES.indexOf(stage) <= STAGES.indexOf(reached);
            return (
              <li key={stage} class={isReached ? "reached" : "to-come"}>
                <Text of={words.receipt[stage]} />{" "}
                <span class="mark">
                  <Text of={isReached ? words.receipt.reached : words.receipt.notYet} />
                </span>
              </li>
            );
          })}
        </ol>
        {away ? (
          <p>
            <Text of={words.receipt.away} />
          </p>
        ) : null}
      </section>
      <div class="buttons screen">
        <SaveLink receipt={receipt} electionName={electionName} checkPage={checkPage} />
        <button type="button" class="secondary" onClick={print}>
          <Text of={words.receipt.print} />
        </button>
      </div>
      <p>
        <Text of={words.receipt.comeBack} />
      </p>
      <p class="screen">
        <Text of={words.receipt.again} />
      </p>
      <div class="buttons screen">
        <button type="button" onClick={finish}>
          <Text of={words.receipt.finish} />
        </button>
      </div>
    </Page>
  );
}

/** The receipt as a file, made on this device. */
function SaveLink({ receipt, electionName, checkPage }: Pick<ReceiptProps, "receipt" | "electionName" | "checkPage">): VNode {
  const words = useWords();
  const address = useMemo(() => {
    const lines = [
      plain(words.receipt.title),
      electionName,
      `${plain(words.receipt.tracker)}: ${receipt.tracker}`,
      `${plain(words.receipt.at)}: ${receipt.accepted_at}`,
      `${plain(words.receipt.checkPage)}: ${checkPage}`,
      JSON.stringify(receipt),
      "",
    ];
    return URL.createObjectURL(new Blob([lines.join("\n")], { type: "text/plain;charset=utf-8" }));
  }, [receipt, words]);
  useEffect(
    () => () => {
      URL.revokeObjectURL(address);
    },
    [address],
  );
  return (
    <a class="button secondary" href={address} download="tsukuba-evote-receipt.txt">
      <Text of={words.receipt.save} />
    </a>
  );
}
