/** All ballots of the public record, page by page, and where one tracker stands. */

import type { VNode } from "preact";
import { useRef, useState } from "preact/hooks";

import { readTracker } from "../check/pasted.ts";
import { Away } from "@tsukuba-evote/shared/read";
import { NotFound, read } from "../read/asking.ts";
import { ErrorSummary } from "@tsukuba-evote/shared/pages";
import { plain, Text } from "@tsukuba-evote/shared/words";
import { useElection, useLive, usePublic, useWords } from "./around.ts";
import { Freshness, PublicPage } from "./public_page.tsx";

const LINES = 50;
const EVERY_S = 15;
const FIELD = "find-tracker";

/** `after`: the log index that the page begins behind. */
interface View {
  readonly after: number | null;
  readonly found: { readonly tracker: string; readonly index: number } | null;
}

export function Board(): VNode {
  const words = useWords();
  const { services } = usePublic();
  const election_uuid = useElection();
  const [view, setView] = useState<View>({ after: null, found: null });
  const [said, setSaid] = useState<{ readonly error: string | null; readonly status: string }>({ error: null, status: "" });
  const field = useRef<HTMLInputElement>(null);
  const query = view.after === null ? { limit: LINES } : { limit: LINES, after: view.after };
  const live = useLive(
    () => read(() => services.ballot.GET("/elections/{election_uuid}/ballots", { params: { path: { election_uuid }, query }, cache: "no-cache" })),
    EVERY_S,
    `${view.after}`,
  );
  const find = async () => {
    const tracker = readTracker(field.current!.value);
    if (tracker === null) {
      setSaid({ error: words.intended.badTracker, status: "" });
      return;
    }
    try {
      const { log_index: index } = await read(() =>
        services.ballot.GET("/elections/{election_uuid}/status/{tracker}", { params: { path: { election_uuid, tracker } }, cache: "no-cache" }),
      );
      if (index === undefined || index === null) {
        setSaid({ error: null, status: words.board.notFound });
        return;
      }
      // A page that begins with the ballot itself; before the first entry there is nothing.
      setView({ after: index === 0 ? null : index - 1, found: { tracker, index } });
      setSaid({ error: null, status: words.board.found(index + 1) });
    } catch (error) {
      if (!(error instanceof NotFound) && !(error instanceof Away)) {
        throw error;
      }
      setSaid({ error: null, status: error instanceof NotFound ? words.board.notFound : words.failed });
    }
  };
  const board = live.data;
  const isLinked = board !== null && board.items.some(({ superseded }) => typeof superseded === "boolean");
  return (
    <PublicPage title={words.place.board}>
      {said.error === null ? null : <ErrorSummary message={said.error} field={FIELD} />}
      <p>
        <Text of={words.board.intro} />
      </p>
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          void find();
        }}
      >
        <label for={FIELD}>
          <Text of={words.board.search} />
        </label>
        <input id={FIELD} ref={field} type="text" autocomplete="off" autocapitalize="off" spellcheck={false} aria-invalid={said.error !== null} />
        <div class="buttons">
          <button type="submit">
            <Text of={words.board.find} />
          </button>
        </div>
        <p role="status">
          <Text of={said.status} />
        </p>
      </form>
      {board === null ? null : board.items.length === 0 && view.after === null ? (
        <p>
          <Text of={words.board.none} />
        </p>
      ) : (
        <>
          <table class="wide">
            <caption>
              <Text of={words.place.board} />
            </caption>
            <thead>
              <tr>
                <th scope="col">
                  <Text of={words.board.index} />
                </th>
                <th scope="col">
                  <Text of={words.board.tracker} />
                </th>
                {isLinked ? (
                  <th scope="col">
                    <Text of={words.board.state} />
                  </th>
                ) : null}
              </tr>
            </thead>
            <tbody>
              {board.items.map(({ log_index: index, tracker, superseded }) => (
                <tr key={tracker} aria-current={tracker === view.found?.tracker ? "true" : undefined}>
                  <td>{index + 1}</td>
                  <td class="tracker">{tracker}</td>
                  {isLinked ? (
                    <td>
                      <Text of={superseded === true ? words.board.superseded : words.board.stands} />
                    </td>
                  ) : null}
                </tr>
              ))}
            </tbody>
          </table>
          {isLinked ? null : (
            <p>
              <Text of={words.board.beforeClose} />
            </p>
          )}
          <p>
            <Text of={words.board.count(board.log_size)} />
          </p>
        </>
      )}
      <div class="buttons">
        {view.after === null ? null : (
          <button
            type="button"
            class="secondary"
            onClick={() => {
              setView({ after: null, found: null });
            }}
          >
            <Text of={words.board.first} />
          </button>
        )}
        {typeof board?.next === "number" ? (
          <button
            type="button"
            class="secondary"
            aria-label={plain(words.board.next)}
            onClick={() => {
              setView({ after: board.next ?? null, found: null });
            }}
          >
            <Text of={words.board.next} />
          </button>
        ) : null}
      </div>
      <Freshness live={live} />
    </PublicPage>
  );
}
