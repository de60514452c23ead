/** What is wrong: alarms that stand, what the city's staff say of it, and the dialog that holds the screen until somebody has seen it. */

import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { NOTHING_SAID } from "../read/announcements.ts";
import { type Alarm, type Held, unseen } from "../rules/alarms.ts";
import { alarmsAt, cameAt, isOld } from "../rules/freshness.ts";
import type { Words } from "../words/index.ts";
import { timeOf, useAround, useWords } from "./around.ts";
import { Mark, Panel, Shape } from "./panel.tsx";

/** As many as fit; how many more there are is said. */
const SHOWN = { alarms: 3, announcements: 2 };

function saidOf({ name, labels }: Alarm, words: Words): string {
  if (name.startsWith("notice/")) {
    const kind = name.slice("notice/".length);
    return words.alarms.notice(Object.hasOwn(words.notice, kind) ? words.notice[kind as keyof Words["notice"]] : words.notice.other);
  }
  const said = Object.hasOwn(words.alert, name) ? words.alert[name as keyof Words["alert"]] : words.unknownAlert(name);
  const { service, check } = labels;
  const whose = service !== undefined && check !== undefined ? `${service}: ${check}` : service;
  const part = whose ?? labels["chain"] ?? labels["witness"] ?? labels["projection"] ?? labels["topic"] ?? labels["cluster"] ?? labels["entry"];
  return part === undefined ? said : words.of(said, part);
}

export function Alarms(): VNode {
  const { reads, held, now } = useAround();
  const words = useWords();
  const at = alarmsAt(reads);
  const known = !isOld(at, now);
  const sorted = held.filter(({ over }) => !over).toSorted((one, other) => one.severity.localeCompare(other.severity));
  const shown = sorted.slice(0, sorted.length > SHOWN.alarms ? SHOWN.alarms - 1 : SHOWN.alarms);
  const intact = known && reads.notices?.data.items.length === 0 && !sorted.some(({ name }) => name.startsWith("EvoteTampering"));
  return (
    <Panel name="alarms" title={words.alarms.panel} at={at}>
      <ul>
        {known ? null : (
          <li>
            <Mark of="unknown" />
          </li>
        )}
        {known && sorted.length === 0 ? (
          <li>
            <Shape of="well" />
            <p>{words.alarms.none}</p>
          </li>
        ) : null}
        {intact ? (
          <li>
            <Shape of="well" />
            <p>{words.alarms.intact}</p>
          </li>
        ) : null}
        {shown.map((alarm) => (
          <li key={alarm.id} class={alarm.severity}>
            <Shape of={alarm.severity === "page" ? "stops" : "slows"} />
            <p>
              <strong>{words.alarms[alarm.severity]}</strong> {saidOf(alarm, words)}
              <small>
                {words.alarms.since(timeOf(alarm.since))}
                {alarm.acknowledged === null ? "" : ` / ${words.alarms.acknowledged(timeOf(alarm.acknowledged))}`}
              </small>
            </p>
          </li>
        ))}
        {sorted.length > shown.length ? <li class="more">{words.alarms.more(sorted.length - shown.length)}</li> : null}
      </ul>
    </Panel>
  );
}

export function Announcements(): VNode {
  const { reads, config, now } = useAround();
  const words = useWords();
  const { said, doubtful } = reads.announcements?.data ?? NOTHING_SAID;
  const all = said.toSorted((one, other) => other.at - one.at);
  const shown = all.slice(0, SHOWN.announcements);
  return (
    <Panel name="announcements" title={words.announcements.panel} at={cameAt(reads, "announcements")}>
      {reads.announcements !== undefined && all.length === 0 && !doubtful && !isOld(reads.announcements.came, now) ? (
        <>
          <p>
            <Shape of="well" />
            {words.announcements.none}
          </p>
          <p class="beside">
            {words.announcements.call}: <span lang="ja">{config.helpdesk.replaceAll("\n", " ")}</span>
          </p>
        </>
      ) : null}
      <ul>
        {doubtful ? (
          <li>
            <Shape of="unknown" />
            <p>{words.announcements.doubtful}</p>
          </li>
        ) : null}
        {shown.map(({ number, at, text, helpdesk, effect }) => (
          <li key={number}>
            <Shape of={effect} />
            <div>
              <p lang="ja">
                <strong>{timeOf(at)}</strong> {text}
              </p>
              {helpdesk === "" ? null : (
                <p>
                  <strong>{words.announcements.helpdesk}:</strong> <span lang="ja">{helpdesk}</span>
                </p>
              )}
            </div>
          </li>
        ))}
        {all.length > shown.length ? <li class="more">{words.alarms.more(all.length - shown.length)}</li> : null}
      </ul>
    </Panel>
  );
}

/** A modal dialog: the keyboard is in it, on its one button, and nothing but that button closes it. */
export function Hold({ acknowledge }: { readonly acknowledge: () => void }): VNode | null {
  const held = unseen(useAround().held);
  const words = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const holds = held.length > 0;
  useEffect(() => {
    if (holds && dialog.current?.open === false) {
      dialog.current.showModal();
    }
  });
  if (!holds) {
    return null;
  }
  return (
    <dialog
      ref={dialog}
      class="hold"
      role="alertdialog"
      aria-labelledby="hold-title"
      aria-describedby="hold-alarms hold-what"
      onCancel={(event) => {
        event.preventDefault();
      }}
      // A browser closes at the second Escape, whatever a page says to the first.
      onClose={() => dialog.current?.showModal()}
    >
      <h2 id="hold-title">
        <Shape of="stops" />
        {words.alarms.held}
      </h2>
      <ul id="hold-alarms">
        {held.slice(0, SHOWN.alarms).map((alarm: Held) => (
          <li key={alarm.id}>
            {saidOf(alarm, words)}
            <small>
              {words.alarms.since(timeOf(alarm.since))}
              {alarm.over ? ` / ${words.alarms.over}` : ""}
            </small>
          </li>
        ))}
        {held.length > SHOWN.alarms ? <li class="more">{words.alarms.more(held.length - SHOWN.alarms)}</li> : null}
      </ul>
      <p id="hold-what">{words.alarms.what}</p>
      <button type="button" autofocus onClick={acknowledge}>
        {words.alarms.acknowledge}
      </button>
    </dialog>
  );
}
