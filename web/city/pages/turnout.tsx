/** Time to the close, the counts of now, and the turnout table. */

import { percent } from "@tsukuba-evote/shared/read";
import type { VNode } from "preact";

import { cameAt, oldest } from "../rules/freshness.ts";
import { tableOf } from "../rules/turnout.ts";
import { datedOf, dayOf, grouped, timeOf, useAround, useWords } from "./around.ts";
import { Panel } from "./panel.tsx";

const DAY_S = 86_400;

export function Close(): VNode {
  const { reads, now, language } = useAround();
  const words = useWords();
  const election = reads.election?.data;
  const open = election !== undefined && election.opened_at !== null && now >= election.opens_at;
  const until = election === undefined ? 0 : open ? election.closes_at : election.opens_at;
  return (
    <Panel name="close" title={election === undefined || open ? words.close.panel : words.close.opens} at={cameAt(reads, "election")}>
      <p class={now < until && election?.closed_at === null ? "large" : "large said"}>
        {election === undefined ? (
          words.noFigure
        ) : election.closed_at !== null ? (
          words.close.closed
        ) : now >= until ? (
          open ? words.close.due : words.close.notOpened
        ) : (
          <Remaining seconds={Math.floor((until - now) / 1000)} />
        )}
      </p>
      {election === undefined ? null : (
        <p class="beside">{(open ? words.close.at : words.close.opensAt)(datedOf(until, language))}</p>
      )}
    </Panel>
  );
}

/** A timer is silent for screen readers, who ask it when they want to know. */
function Remaining({ seconds }: { readonly seconds: number }): VNode {
  const words = useWords();
  const days = Math.floor(seconds / DAY_S);
  const two = (part: number) => String(Math.floor(part)).padStart(2, "0");
  return (
    <span role="timer">
      {days === 0 ? null : <span class="unit">{words.days(days)} </span>}
      {two((seconds % DAY_S) / 3600)}:{two((seconds % 3600) / 60)}:{two(seconds % 60)}
    </span>
  );
}

export function Counts(): VNode {
  const { reads } = useAround();
  const words = useWords();
  const turnout = reads.turnout?.data;
  const figure = (count: string | undefined, unit: string) => (
    <>
      {count ?? words.noFigure}
      <span class="unit">{unit}</span>
    </>
  );
  return (
    <Panel name="counts" title={words.turnout.panel} at={turnout?.as_of ?? null}>
      <dl>
        <div>
          <dt>{words.turnout.voters}</dt>
          <dd>{figure(turnout && grouped(turnout.voters), words.unit.people)}</dd>
        </div>
        <div>
          <dt>{words.turnout.rate}</dt>
          <dd>{figure(turnout && percent(turnout.voters, turnout.roll_size), words.unit.percent)}</dd>
        </div>
        <div>
          <dt>
            {words.turnout.ballots}
            <small>{words.turnout.again}</small>
          </dt>
          <dd>{figure(turnout && grouped(turnout.accepted), words.unit.ballots)}</dd>
        </div>
      </dl>
    </Panel>
  );
}

export function Hours(): VNode {
  const { reads, config } = useAround();
  const words = useWords();
  const [election, turnout, hours] = [reads.election?.data, reads.turnout?.data, reads.hours?.data];
  const rows = election && turnout && hours ? tableOf(hours.items, turnout.roll_size, election.opens_at, config.previous) : [];
  const days = election !== undefined && dayOf(election.opens_at) !== dayOf(election.closes_at);
  const { previous } = config;
  return (
    <Panel name="hours" title={words.turnout.caption} at={oldest(turnout?.as_of ?? null, hours?.as_of ?? null)}>
      <table aria-labelledby="hours-title">
        <thead>
          <tr>
            <th scope="col">{words.turnout.time}</th>
            <th scope="col">{words.turnout.votersUnit}</th>
            <th scope="col">{words.turnout.rateUnit}</th>
            {previous === null ? null : <th scope="col">{words.turnout.before}</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ until, voters, rate, before }) => (
            <tr key={until}>
              <th scope="row">
                {days ? `${dayOf(until)} ` : ""}
                {timeOf(until)}
              </th>
              <td>{grouped(voters)}</td>
              <td>{rate}</td>
              {previous === null ? null : <td>{before ?? words.noFigure}</td>}
            </tr>
          ))}
        </tbody>
        {turnout === undefined ? null : (
          <tfoot>
            <tr>
              <th scope="row">
                {words.turnout.now} {timeOf(turnout.as_of)}
              </th>
              <td>{grouped(turnout.voters)}</td>
              <td>{percent(turnout.voters, turnout.roll_size)}</td>
              {previous === null ? null : <td>{words.noFigure}</td>}
            </tr>
          </tfoot>
        )}
      </table>
      {rows.length === 0 ? <p class="beside">{words.turnout.none}</p> : null}
      <p class="beside">
        {turnout === undefined ? "" : words.turnout.roll(grouped(turnout.roll_size))}
        {previous === null ? "" : ` / ${words.turnout.previous(previous.name, previous.final)}`}
      </p>
    </Panel>
  );
}
