/** A panel: what it is about, of when it is, and that it isn't updated any more. States have a shape and a word besides their colour. */

import type { ComponentChildren, VNode } from "preact";

import type { State } from "../rules/effects.ts";
import { isOld } from "../rules/freshness.ts";
import { clockOf, timeOf, useAround, useWords } from "./around.ts";

interface PanelProps {
  readonly name: string;
  readonly title: string;
  /** Of when the oldest part of it is; `null`: never read. */
  readonly at: number | null;
  readonly children: ComponentChildren;
}

export function Panel({ name, title, at, children }: PanelProps): VNode {
  const { now } = useAround();
  const words = useWords();
  const old = isOld(at, now);
  return (
    <section class={`panel ${name}${old ? " old" : ""}`} aria-labelledby={`${name}-title`}>
      <header>
        <h2 id={`${name}-title`}>{title}</h2>
        {old ? (
          <p class="stopped">
            <Shape of="unknown" />
            {at === null ? words.staleNever : words.staleSince(timeOf(at))}
          </p>
        ) : (
          <p class="fresh">{words.asOf(clockOf(at!))}</p>
        )}
      </header>
      {children}
    </section>
  );
}

/** Circle, triangle, square, broken circle, crossed circle: told apart without colours, and from the other end of a room. */
export function Shape({ of }: { readonly of: State }): VNode {
  return (
    <svg class={`shape ${of}`} viewBox="0 0 24 24" aria-hidden="true">
      {of === "well" ? (
        <>
          <circle cx="12" cy="12" r="11" />
          <path d="M6.5 12.5l4 4 7-8" />
        </>
      ) : of === "slows" ? (
        <>
          <path class="body" d="M12 1.5L23.5 22.5H.5z" />
          <path d="M12 9v6M12 18v1.5" />
        </>
      ) : of === "stops" ? (
        <>
          <rect x="1" y="1" width="22" height="22" rx="2" />
          <path d="M7 7l10 10M17 7L7 17" />
        </>
      ) : of === "unset" ? (
        <>
          <circle cx="12" cy="12" r="10" />
          <path d="M7 12h10" />
        </>
      ) : (
        <>
          <circle cx="12" cy="12" r="10" />
          <path d="M9 9.5a3 3 0 1 1 4.2 2.8c-.9.4-1.2.9-1.2 2M12 17v1.2" />
        </>
      )}
    </svg>
  );
}

export function Mark({ of }: { readonly of: State }): VNode {
  const words = useWords();
  return (
    <span class={`mark ${of}`}>
      <Shape of={of} />
      {words.state[of]}
    </span>
  );
}
