/** comlink carries an error's name and message only; a page needs the rule. */

import { transferHandlers } from "comlink";

import { BeleniosError } from "../belenios/index.ts";

interface Thrown {
  readonly rule: string;
  readonly detail: string;
}

/** Comlink's own mark of what was thrown on the other side. */
interface Marked {
  readonly value: unknown;
}

/** To be called once on each side, before the first call. */
export function carryRules(): void {
  const usual = transferHandlers.get("throw")!;
  transferHandlers.set("throw", {
    canHandle: (value): value is Marked => usual.canHandle(value),
    serialize: (thrown: Marked) => {
      if (thrown.value instanceof BeleniosError) {
        const { rule, detail } = thrown.value;
        return [{ rule, detail } satisfies Thrown, []];
      }
      return usual.serialize(thrown);
    },
    deserialize: (sent: Thrown | object) => {
      if ("rule" in sent) {
        throw new BeleniosError(sent.rule, sent.detail);
      }
      return usual.deserialize(sent) as never;
    },
  });
}
