/** What the public pages have around them besides language and help: their address, the services, and how they wait. */

import type { PublicServices } from "@tsukuba-evote/shared/api";
import type { Policy } from "@tsukuba-evote/shared/check";
import { type Pause, poll, type Seen } from "@tsukuba-evote/shared/read";
import type { Scanner } from "@tsukuba-evote/shared/scan";
import { useAround } from "@tsukuba-evote/shared/pages";
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

import type { Address } from "../app/address.ts";
import { NotFound } from "../read/asking.ts";
import { CATALOGUES, type Words } from "../words/index.ts";

export interface Public {
  readonly address: Address;
  readonly services: PublicServices;
  readonly receiptKey: Uint8Array;
  readonly policy: Policy;
  readonly seen: Seen;
  readonly pause: Pause;
  /** @throws CameraRefused */
  readonly openScanner: () => Promise<Scanner>;
  /** Where the archive is downloaded from. */
  readonly tallyUrl: string;
}

export const PublicContext = createContext<Public | null>(null);

export function usePublic(): Public {
  const around = useContext(PublicContext);
  if (around === null) {
    throw new Error("a public page outside its context");
  }
  return around;
}

/** The election of the address; its pages are not shown without one. */
export function useElection(): string {
  const { electionUuid } = usePublic().address;
  if (electionUuid === null) {
    throw new Error("a page of an election without one");
  }
  return electionUuid;
}

export function useWords(): Words {
  return CATALOGUES[useAround().language];
}

/** What is shown of something that is asked again and again. `away`: what stands there is the last that was read. */
export interface Live<Data> {
  readonly data: Data | null;
  readonly is: "loading" | "fresh" | "away" | "missing" | "failed";
}

/** Reads again and again while the page is looked at. @param about with another one it begins anew. */
export function useLive<Data>(read: () => Promise<Data>, everySeconds: number, about: string): Live<Data> {
  const { seen, pause } = usePublic();
  const [live, setLive] = useState<Live<Data>>({ data: null, is: "loading" });
  useEffect(() => {
    const left = new AbortController();
    setLive({ data: null, is: "loading" });
    poll(read, everySeconds, seen, pause, left.signal, (data) => {
      setLive((before) => (data === null ? { data: before.data, is: "away" } : { data, is: "fresh" }));
    }).catch((error: unknown) => {
      // No such election, or an answer that isn't one: asking again wouldn't help.
      setLive((before) => ({ data: before.data, is: error instanceof NotFound ? "missing" : "failed" }));
    });
    return () => {
      left.abort();
    };
  }, [about]);
  return live;
}
