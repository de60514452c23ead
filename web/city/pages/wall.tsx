/** The whole screen: it asks again and again, ticks, keeps alarms until they were seen, and says which panels stand still. */

import { type Pause, poll, type Seen } from "@tsukuba-evote/shared/read";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import * as v from "valibot";

import type { Bell } from "../app/bell.ts";
import type { Config } from "../app/config.ts";
import { NOTHING_READ, readAll, type Round } from "../read/reads.ts";
import { acknowledge, type Held, hold, standing, unseen } from "../rules/alarms.ts";
import { effectsOf } from "../rules/effects.ts";
import { alarmsAt, cameAt, isOld, queuesAt, scrapedAt, stepsAt, waysAt } from "../rules/freshness.ts";
import { CATALOGUES, type Language, type Words } from "../words/index.ts";
import { Alarms, Announcements, Hold } from "./alarms.tsx";
import { type Around, AroundContext, clockOf, datedOf } from "./around.ts";
import { Shape } from "./panel.tsx";
import { Queues, Steps, Ways } from "./progress.tsx";
import { Close, Counts, Hours } from "./turnout.tsx";

export interface Outside {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: () => number;
  readonly seen: Seen;
  readonly pause: Pause;
  /** Of this tab: a reload doesn't ask again what somebody has seen; a wall that was started anew does. */
  readonly memory: Pick<Storage, "getItem" | "setItem">;
  readonly openBell: () => Bell;
}

interface WallProps {
  readonly language: Language;
  readonly config: Config;
  readonly outside: Outside;
  readonly tellLanguage: (language: Language) => void;
}

const EVERY_S = 10;
const RING_EVERY_MS = 5_000;
const KEPT = "tsukuba-evote-wall-alarms";

export function Wall({ language: first, config, outside, tellLanguage }: WallProps): VNode {
  const [language, setLanguage] = useState(first);
  const [{ reads, ahead }, setRound] = useState<Round>(NOTHING_READ);
  const [held, setHeld] = useState<readonly Held[]>(() => recall(outside.memory));
  const now = useNow(outside.clock) + ahead;
  const words = CATALOGUES[language];

  const round = useRef(NOTHING_READ);
  useEffect(() => {
    const left = new AbortController();
    const look = async () => {
      round.current = await readAll(round.current, config, outside.fetch, outside.clock);
      return round.current;
    };
    void poll(look, EVERY_S, outside.seen, outside.pause, left.signal, (read) => {
      if (read !== null) {
        setRound(read);
        setHeld((before) => hold(before, standing(read.reads), outside.clock() + read.ahead));
      }
    });
    return () => {
      left.abort();
    };
  }, []);
  useEffect(() => {
    outside.memory.setItem(KEPT, JSON.stringify(held));
  }, [held]);
  useLayoutEffect(() => {
    document.title = unseen(held).length > 0 ? `${words.alarms.held} – ${words.title}` : words.title;
    document.documentElement.lang = language;
  }, [language, held]);

  const effects = useMemo(
    () => [
      ...(reads.alerts?.data ?? []).flatMap(({ labels }) => effectsOf(labels)),
      ...(reads.announcements?.data.said ?? []).map(({ effect, ways }) => ({ effect, on: ways })),
    ],
    [reads],
  );
  const around: Around = { language, config, reads, now, held, effects };
  return (
    <AroundContext.Provider value={around}>
      <header class="bar">
        <h1 lang="ja">{reads.election?.data.name ?? words.electionUnknown}</h1>
        <Standing around={around} />
        <p class="clock">
          <span>{datedOf(now, language).replace(/ ?\d\d:\d\d$/, "").replace(/, ?$/, "")}</span> {clockOf(now)}
        </p>
        <Sound rings={unseen(held).length > 0} openBell={outside.openBell} on={words.soundOn} off={words.soundOff} />
        <button
          type="button"
          class="secondary"
          lang={language === "ja" ? "en" : "ja"}
          onClick={() => {
            const chosen = language === "ja" ? "en" : "ja";
            setLanguage(chosen);
            tellLanguage(chosen);
          }}
        >
          {words.otherLanguage}
        </button>
      </header>
      <main class="wall">
        <Close />
        <Counts />
        <Hours />
        <Steps />
        <Ways />
        <Queues />
        <div class="troubles">
          <Alarms />
          <Announcements />
        </div>
      </main>
      <Hold
        acknowledge={() => {
          setHeld((before) => acknowledge(before, now));
        }}
      />
    </AroundContext.Provider>
  );
}

/** The one place that speaks by itself, and only when it changes: which panels stand still. */
function Standing({ around: { reads, now, language, config } }: { readonly around: Around }): VNode {
  const words = CATALOGUES[language];
  const places: readonly (readonly [string, number | null])[] = [
    [words.close.panel, cameAt(reads, "election")],
    [words.turnout.panel, reads.turnout?.data.as_of ?? null],
    [words.turnout.caption, reads.hours?.data.as_of ?? null],
    [words.steps.panel, stepsAt(reads)],
    [words.ways.panel, waysAt(reads)],
    [words.queues.panel, queuesAt(reads, config.ways)],
    [words.alarms.panel, alarmsAt(reads)],
    ...(config.ways.includes("face") ? [[words.ways.face, scrapedAt(reads, "biometric")] as const] : []),
    [words.announcements.panel, cameAt(reads, "announcements")],
  ];
  const old = places.filter(([, at]) => isOld(at, now)).map(([place]) => place);
  return (
    <p class={`standing${old.length > 0 ? " stopped" : ""}`} role="status">
      <Shape of={old.length > 0 ? "unknown" : "well"} />
      {old.length > 0 ? staleIn(old, words, language) : words.nothingStale}
    </p>
  );
}

/** One line: each panel says it of itself, too. */
function staleIn(old: readonly string[], words: Words, language: Language): string {
  return old.length > 2 ? words.staleMany(old.length) : words.staleIn(old.join(language === "ja" ? "、" : ", "));
}

/** Silent until somebody wants it. */
function Sound({ rings, openBell, on, off }: { readonly rings: boolean; readonly openBell: () => Bell; readonly on: string; readonly off: string }): VNode {
  const [bell, setBell] = useState<Bell | null>(null);
  useEffect(() => {
    if (bell === null || !rings) {
      return;
    }
    bell.ring();
    const again = setInterval(bell.ring, RING_EVERY_MS);
    return () => {
      clearInterval(again);
    };
  }, [bell, rings]);
  return (
    <button
      type="button"
      class="secondary"
      onClick={() => {
        bell?.close();
        setBell(bell === null ? openBell() : null);
      }}
    >
      {bell === null ? on : off}
    </button>
  );
}

function useNow(clock: () => number): number {
  const [now, setNow] = useState(clock);
  useEffect(() => {
    const ticking = setInterval(() => {
      setNow(clock());
    }, 1000);
    return () => {
      clearInterval(ticking);
    };
  }, []);
  return now;
}

const Kept = v.array(
  v.object({
    id: v.string(),
    name: v.string(),
    labels: v.record(v.string(), v.string()),
    severity: v.picklist(["page", "ticket"]),
    since: v.number(),
    acknowledged: v.nullable(v.number()),
    over: v.boolean(),
  }),
);

/** What a release before this one kept in another shape is held anew. */
function recall(memory: Outside["memory"]): readonly Held[] {
  try {
    return v.parse(Kept, JSON.parse(memory.getItem(KEPT) ?? "[]"));
  } catch {
    return [];
  }
}
