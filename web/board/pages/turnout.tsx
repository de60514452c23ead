/** Turnout: the table in the form of the city's own, then the same as a plot. */

import type { VNode } from "preact";

import { NotFound, read } from "../read/asking.ts";
import { type TurnoutRow, turnoutRows } from "../read/counts.ts";
import { timeOf, useAround } from "@tsukuba-evote/shared/pages";
import { percent } from "@tsukuba-evote/shared/read";
import { plain, Text } from "@tsukuba-evote/shared/words";
import { useElection, useLive, usePublic, useWords } from "./around.ts";
import { Freshness, PublicPage } from "./public_page.tsx";

const EVERY_S = 30;

export function Turnout(): VNode {
  const words = useWords();
  const { services } = usePublic();
  const { language } = useAround();
  const params = { path: { election_uuid: useElection() } };
  const live = useLive(
    async () => {
      const [now, hours] = await Promise.all([
        read(() => services.ballot.GET("/elections/{election_uuid}/turnout", { params, cache: "no-cache" })),
        hoursOf(() => services.ballot.GET("/elections/{election_uuid}/turnout/by-hour", { params, cache: "no-cache" })),
      ]);
      return { now, rows: turnoutRows(hours, now.roll_size) };
    },
    EVERY_S,
    "turnout",
  );
  return (
    <PublicPage title={words.place.turnout}>
      <p>
        <Text of={words.turnout.intro} />
      </p>
      {live.data === null ? null : (
        <>
          <table>
            <caption>
              <Text of={words.turnout.caption} />
            </caption>
            <thead>
              <tr>
                <th scope="col">
                  <Text of={words.turnout.time} />
                </th>
                <th scope="col">
                  <Text of={words.turnout.voters} />
                </th>
                <th scope="col">
                  <Text of={words.turnout.rate} />
                </th>
              </tr>
            </thead>
            <tbody>
              {live.data.rows.map(({ until, voters, rate }) => (
                <tr key={until}>
                  <th scope="row">
                    <time dateTime={until}>{timeOf(until, language)}</time>
                  </th>
                  <td>{voters}</td>
                  <td>{rate}</td>
                </tr>
              ))}
            </tbody>
            <tfoot>
              <tr>
                <th scope="row">
                  <Text of={words.turnout.now} /> (<time dateTime={live.data.now.as_of}>{timeOf(live.data.now.as_of, language)}</time>)
                </th>
                <td>{live.data.now.voters}</td>
                <td>{percent(live.data.now.voters, live.data.now.roll_size)}</td>
              </tr>
            </tfoot>
          </table>
          {live.data.rows.length === 0 ? (
            <p>
              <Text of={words.turnout.none} />
            </p>
          ) : (
            <Plot rows={live.data.rows} />
          )}
          <p>
            <Text of={words.turnout.of(live.data.now.roll_size)} />
          </p>
          <p>
            <Text of={words.turnout.ballots(live.data.now.accepted)} />
          </p>
          <p>
            <Text of={words.turnout.merged} />
          </p>
        </>
      )}
      <Freshness live={live} />
    </PublicPage>
  );
}

interface Hours {
  readonly items: readonly { readonly until: string; readonly voters: number }[];
}

/** A replica of the release before, beside which this page may run, has no such address. */
async function hoursOf(request: Parameters<typeof read<Hours>>[0]): Promise<Hours["items"]> {
  try {
    return (await read(request)).items;
  } catch (error) {
    if (error instanceof NotFound && error.slug === "not-found") {
      return [];
    }
    throw error;
  }
}

const WIDTH = 600;
const HEIGHT = 240;
const MARGIN = 40;

/** Percent of the roll over time, from nothing up to the next ten percent. */
function Plot({ rows }: { readonly rows: readonly TurnoutRow[] }): VNode {
  const words = useWords();
  const times = rows.map(({ until }) => Date.parse(until));
  const [first, last] = [times[0]!, times.at(-1)!];
  const top = Math.max(10, Math.ceil(Number(rows.at(-1)!.rate) / 10) * 10);
  const x = (time: number) => MARGIN + (last === first ? 1 : (time - first) / (last - first)) * (WIDTH - 2 * MARGIN);
  const y = (rate: number) => HEIGHT - MARGIN - (rate / top) * (HEIGHT - 2 * MARGIN);
  const points = rows.map(({ rate }, at) => `${x(times[at]!).toFixed(1)},${y(Number(rate)).toFixed(1)}`);
  return (
    <svg class="plot" role="img" aria-label={plain(words.turnout.plot)} viewBox={`0 0 ${WIDTH} ${HEIGHT}`}>
      {[0, top / 2, top].map((rate) => (
        <g key={rate}>
          <line class="grid" x1={MARGIN} x2={WIDTH - MARGIN} y1={y(rate)} y2={y(rate)} />
          <text x={MARGIN - 6} y={y(rate) + 5} text-anchor="end">
            {rate}
          </text>
        </g>
      ))}
      <polyline class="curve" points={points.join(" ")} />
      {points.map((point) => {
        const [cx, cy] = point.split(",");
        return <circle key={point} class="point" cx={cx} cy={cy} r="4" />;
      })}
    </svg>
  );
}
