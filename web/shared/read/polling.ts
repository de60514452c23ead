/** Asking again every so often while somebody looks: no connection is held, and a page in the background asks nothing. */

/** Nobody could answer: no connection, an overload, a proxy's page. */
export class Away extends Error {
  override readonly name = "Away";
}

/** What of a document this needs. */
export interface Seen {
  readonly visibilityState: string;
  addEventListener(type: "visibilitychange", listener: () => void, options: { once: true; signal: AbortSignal }): void;
}

/** Ends after so many milliseconds; rejects when the page is left. */
export type Pause = (milliseconds: number) => Promise<void>;

/** Readers who came at the same moment must not come back at the same moment. */
const SPREAD = 0.2;

/**
 * Tells what is read now and each time anew, or `null` while nobody answers; ends when the page is left.
 *
 * @throws what `read` throws, but for {@link Away}.
 */
export async function poll<Data>(
  read: () => Promise<Data>,
  everySeconds: number,
  document: Seen,
  pause: Pause,
  signal: AbortSignal,
  tell: (data: Data | null) => void,
): Promise<void> {
  while (!signal.aborted) {
    let data: Data | null;
    try {
      data = await read();
    } catch (error) {
      if (!(error instanceof Away)) {
        throw error;
      }
      data = null;
    }
    if (signal.aborted) {
      return;
    }
    tell(data);
    await pause(everySeconds * 1000 * (1 + SPREAD * Math.random()));
    await seen(document, signal);
  }
}

async function seen(document: Seen, signal: AbortSignal): Promise<void> {
  while (document.visibilityState === "hidden" && !signal.aborted) {
    await new Promise<void>((resolve) => {
      document.addEventListener("visibilitychange", resolve, { once: true, signal });
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
