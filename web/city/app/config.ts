/** The city's configuration of the wall, served beside it. What it says of the services is for this front's own server. */

import { type Officers, parseKeyLine } from "@tsukuba-evote/shared/check";
import * as v from "valibot";

import { WAYS, type Way } from "../rules/effects.ts";
import type { Previous } from "../rules/turnout.ts";

const Rate = v.pipe(v.string(), v.regex(/^\d{1,3}\.\d{2}$/));

const Key = v.pipe(
  v.string(),
  v.transform(parseKeyLine),
  v.check((key) => key !== null),
  v.transform((key) => key!),
);

const ConfigText = v.object({
  /** The UUID of the election that is shown. */
  election: v.string(),
  /** Who may say something on the wall: the deployment's name, and of each officer the lines of their keys, as on the roster. */
  officers: v.object({ deployment: v.string(), persons: v.record(v.string(), v.array(Key)) }),
  /** Where residents get help: name, telephone, hours, in the city's own words. */
  helpdesk: v.string(),
  /** The ways in that this election offers. */
  ways: v.pipe(v.array(v.picklist(WAYS)), v.minLength(1)),
  /** The election before; null: none to compare with. */
  previous: v.nullable(
    v.object({
      name: v.string(),
      rates: v.array(
        v.object({ day: v.pipe(v.number(), v.integer(), v.minValue(1)), time: v.pipe(v.string(), v.regex(/^\d{2}:\d{2}$/)), rate: Rate }),
      ),
      final: Rate,
    }),
  ),
});

export interface Config {
  readonly election: string;
  readonly officers: Officers;
  readonly helpdesk: string;
  readonly ways: readonly Way[];
  readonly previous: Previous | null;
}

/** @throws when it is none: a wall that isn't configured shows nothing. */
export function readConfig(json: unknown): Config {
  const { officers, ...config } = v.parse(ConfigText, json);
  return { ...config, officers: { ...officers, persons: new Map(Object.entries(officers.persons)) } };
}
