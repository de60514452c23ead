/** Waiting that ends early when the network comes back or the voter wants to try now, and breaks off when the page is left. */

/** What of a window this needs. */
export interface Networked {
  addEventListener(type: "online", listener: () => void): void;
}

export class Patience {
  readonly #signal: AbortSignal;
  #end: (() => void) | null = null;

  constructor(window: Networked, signal: AbortSignal) {
    this.#signal = signal;
    window.addEventListener("online", this.hurry);
  }

  /** Ends whatever is waited for now. */
  readonly hurry = (): void => {
    this.#end?.();
  };

  /** Rejects with the signal's reason when the page is left. */
  readonly wait = async (seconds: number): Promise<void> => {
    this.#signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(end, seconds * 1000);
      const leave = () => {
        clearTimeout(timer);
        reject(this.#signal.reason);
      };
      this.#signal.addEventListener("abort", leave, { once: true });
      const signal = this.#signal;
      function end(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", leave);
        resolve();
      }
      this.#end = end;
    });
    this.#end = null;
  };
}
