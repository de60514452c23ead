/** How far ballots are, how each way in is, and what waits. */

import type { VNode } from "preact";

import type { Name, Reads } from "../read/reads.ts";
import { loggedState, type State, stateOf, type Step, type Way } from "../rules/effects.ts";
import { isOld, oldest, queuesAt, scrapedAt, stepsAt, waysAt } from "../rules/freshness.ts";
import { grouped, lastingOf, useAround, useWords } from "./around.ts";
import { Mark, Panel } from "./panel.tsx";

/** The one number of a query; `null` where there is none. */
function figureOf(reads: Reads, name: Name & ("logged-within" | "unlogged-for" | "receipt-within" | "ballots-waiting" | "pictures-waiting" | "face-waits")): number | null {
  const value = reads[name]?.data[0]?.value ?? Number.NaN;
  return Number.isFinite(value) ? value : null;
}

export function Steps(): VNode {
  const { reads, now, effects } = useAround();
  const words = useWords();
  const [turnout, coverage] = [reads.turnout?.data, reads.coverage?.data];
  const at = stepsAt(reads);
  const known = !isOld(at, now);
  const [within, unlogged] = [figureOf(reads, "logged-within"), figureOf(reads, "unlogged-for")];
  // Who asks witnesses shows how far they are behind, as a number or not; who has none shows nothing.
  const unwitnessed = known && reads["witnesses-asked"]?.data.length === 0 && coverage?.witnessed_size === 0;
  // The chain that is furthest behind: what it holds, all hold.
  const covered = coverage?.chains.length ? Math.min(...coverage.chains.map(({ verified_size: size }) => size)) : null;
  const waits = Math.max(-1, ...(reads["anchoring-waits"]?.data ?? []).map(({ value }) => (Number.isFinite(value) ? value : -1)));
  const behind = (part: number) => words.steps.behind(grouped(Math.max(0, coverage!.size - part)));
  return (
    <Panel name="steps" title={words.steps.panel} at={at}>
      <ol>
        <One step="accepted" state={stateOf("accepted", effects, known)} count={turnout?.accepted} unit={words.unit.ballots} />
        <One
          step="logged"
          state={loggedState(stateOf("logged", effects, known), unlogged)}
          count={turnout?.logged}
          unit={words.unit.ballots}
          notes={[
            turnout && words.steps.waiting(grouped(Math.max(0, turnout.accepted - turnout.logged))),
            unlogged ? words.steps.oldest(lastingOf(unlogged, words)) : within === null ? undefined : words.steps.within(lastingOf(within, words)),
          ]}
        />
        <One
          step="witnessed"
          state={unwitnessed ? "unset" : stateOf("witnessed", effects, known)}
          count={unwitnessed ? undefined : coverage?.witnessed_size}
          unit={words.unit.entries}
          notes={[unwitnessed ? words.steps.noWitness : coverage && behind(coverage.witnessed_size)]}
        />
        <One
          step="anchored"
          state={known && coverage && covered === null ? "unset" : stateOf("anchored", effects, known)}
          count={covered ?? undefined}
          unit={words.unit.entries}
          notes={
            covered === null
              ? [coverage && words.steps.noChain]
              : [behind(covered), waits > 0 ? words.steps.waits(lastingOf(waits, words)) : undefined]
          }
        />
      </ol>
    </Panel>
  );
}

interface OneProps {
  readonly step: Step;
  readonly state: State;
  readonly count: number | undefined;
  readonly unit: string;
  readonly notes?: readonly (string | undefined)[];
}

function One({ step, state, count, unit, notes = [] }: OneProps): VNode {
  const words = useWords();
  return (
    <li class={state}>
      <h3>{words.steps[step]}</h3>
      <p class="figure">
        {count === undefined ? words.noFigure : grouped(count)}
        <span class="unit">{unit}</span>
      </p>
      <Mark of={state} />
      {notes.map((note) => (note === undefined ? null : <p key={note}>{note}</p>))}
    </li>
  );
}

/** What has to be heard of for each way in; a way of which nothing is heard is not green, and red where an alarm says that it stops. */
const HEARD = {
  card: ["resident", "auth", "ballot"],
  phone: ["resident", "auth", "ballot"],
  face: ["resident", "auth", "biometric", "ballot"],
  station: ["auth", "ballot"],
} as const;

export function Ways(): VNode {
  const { reads, now, config, effects } = useAround();
  const words = useWords();
  const at = waysAt(reads);
  const waiting = (way: Way) => {
    const people = reads["releases-waiting"]?.data.find(({ labels }) => labels["way"] === way)?.value;
    return people === undefined || !Number.isFinite(people) ? null : grouped(people);
  };
  return (
    <Panel name="ways" title={words.ways.panel} at={at}>
      <ul>
        {config.ways.map((way) => {
          const heard = !isOld(oldest(...HEARD[way].map((service) => scrapedAt(reads, service))), now);
          const fresh = !isOld(at, now);
          const told = stateOf(way, effects, fresh);
          const state = heard || told === "stops" ? told : "unknown";
          return (
            <li key={way} class={state}>
              <h3>{words.ways[way]}</h3>
              <Mark of={state} />
              {way === "station" || !heard || !fresh ? null : <p>{words.ways.waiting(waiting(way))}</p>}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

export function Queues(): VNode {
  const { reads, config } = useAround();
  const words = useWords();
  const [pictures, wait] = [figureOf(reads, "pictures-waiting"), figureOf(reads, "face-waits")];
  const [ballots, receipt] = [figureOf(reads, "ballots-waiting"), figureOf(reads, "receipt-within")];
  return (
    <Panel name="queues" title={words.queues.panel} at={queuesAt(reads, config.ways)}>
      <dl>
        {config.ways.includes("face") ? (
          <div>
            <dt>{words.queues.face}</dt>
            <dd>
              {pictures === null ? words.queues.noFace : words.queues.pictures(grouped(pictures))}
              {wait === null || wait === 0 ? null : <small>{words.queues.about(lastingOf(wait, words))}</small>}
            </dd>
          </div>
        ) : null}
        <div>
          <dt>{words.queues.intake}</dt>
          <dd>{ballots === null ? words.noFigure : words.queues.ballots(grouped(ballots))}</dd>
        </div>
        <div>
          <dt>{words.queues.receipt}</dt>
          <dd>{receipt === null ? words.noFigure : words.queues.most(lastingOf(receipt, words))}</dd>
        </div>
      </dl>
    </Panel>
  );
}
