/** Alarms that hold the screen until somebody says that they saw them, even those that have stopped meanwhile. */

import type { Reads } from "../read/reads.ts";

export interface Alarm {
  readonly id: string;
  /** The alert's name, or `notice/` and the kind of what a monitor found. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `page` holds the screen; `ticket` is for working hours. */
  readonly severity: "page" | "ticket";
}

export interface Held extends Alarm {
  /** Milliseconds since 1970: when this screen saw it first, and when somebody acknowledged it. */
  readonly since: number;
  readonly acknowledged: number | null;
  /** It doesn't stand any more, and nobody has acknowledged it. */
  readonly over: boolean;
}

/** What stands now: alerts that fire, and notices of tampering, which are never taken back. */
export function standing(reads: Reads): readonly Alarm[] {
  const notices = (reads.notices?.data.items ?? []).map(
    ({ finding, kind }): Alarm => ({ id: `notice/${finding}`, name: `notice/${kind}`, labels: {}, severity: "page" }),
  );
  const alerts = (reads.alerts?.data ?? []).flatMap(({ labels }): Alarm[] => {
    const { alertname: name = "", severity = "" } = labels;
    // The alert that always fires tells that rules are judged, and nothing else.
    return severity === "none" ? [] : [{ id: idOf(labels), name, labels, severity: severity === "ticket" ? "ticket" : "page" }];
  });
  return [...notices, ...alerts];
}

function idOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).toSorted());
}

/** What is held after a reading. One that comes again after it was acknowledged and had stopped is a new one. */
export function hold(before: readonly Held[], now: readonly Alarm[], at: number): readonly Held[] {
  const stands = new Map(now.map((alarm) => [alarm.id, alarm]));
  const held = before.flatMap((alarm): Held[] => {
    const still = stands.delete(alarm.id);
    return still || (alarm.acknowledged === null && alarm.severity === "page") ? [{ ...alarm, over: !still }] : [];
  });
  for (const { id, name, labels, severity } of stands.values()) {
    held.push({ id, name, labels, severity, since: at, acknowledged: null, over: false });
  }
  return held;
}

/** Somebody has seen all of them. */
export function acknowledge(before: readonly Held[], at: number): readonly Held[] {
  return before.flatMap((held) => (held.over ? [] : [{ ...held, acknowledged: held.acknowledged ?? at }]));
}

/** What holds the screen. */
export function unseen(held: readonly Held[]): readonly Held[] {
  return held.filter(({ severity, acknowledged }) => severity === "page" && acknowledged === null);
}
