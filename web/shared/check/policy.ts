/** C2SP tlog-policy: which logs are trusted, which witnesses, and how many of them must have cosigned. */

import { CheckFailed } from "./errors.ts";
import {
  type Checkpoint,
  claims,
  parseCheckpoint,
  parseLogKey,
  parseNote,
  parseWitnessKey,
  type VerifierKey,
  verifyCosignature,
  verifyLogSignature,
} from "./note.ts";

const NO_QUORUM = "none";

/** A checkpoint counts that one of the logs signed and that the quorum cosigned. */
export interface Policy {
  readonly logs: readonly VerifierKey[];
  /** By their names in the policy. */
  readonly witnesses: ReadonlyMap<string, VerifierKey>;
  /** Each refers to what stands before it only. */
  readonly groups: readonly { readonly name: string; readonly threshold: number; readonly members: readonly string[] }[];
  /** A witness, a group, or `none`. */
  readonly quorum: string;
}

/** A checkpoint that the policy holds for. */
export interface Witnessed {
  readonly checkpoint: Checkpoint;
  /** Who cosigned, by the policy's names, and the moment for which each vouches, in seconds since 1970. */
  readonly cosigned: ReadonlyMap<string, number>;
}

/** Read a policy's text. @throws CheckFailed `policy`, `note` (a key) */
export function parsePolicy(text: string): Policy {
  const logs: VerifierKey[] = [];
  const witnesses = new Map<string, VerifierKey>();
  const groups: Policy["groups"][number][] = [];
  const members = new Set<string>();
  let quorum: string | undefined;
  const isKnown = (name: string) => witnesses.has(name) || groups.some((group) => group.name === name);
  const define = (name: string) => {
    if (isKnown(name) || name === NO_QUORUM) {
      throw new CheckFailed("policy", `the name ${name} is taken`);
    }
    return name;
  };
  if (!text.endsWith("\n") || !/^[\t\n\x20-\x7e\u0080-\u{10ffff}]*$/u.test(text)) {
    throw new CheckFailed("policy", "cut off, or control characters");
  }
  for (const line of text.split("\n")) {
    const [keyword, ...items] = line.split(/[ \t]+/).filter((item) => item !== "");
    if (keyword === undefined || keyword.startsWith("#")) {
      continue;
    }
    const [first = "", second = "", ...rest] = items;
    if (keyword === "log" && (items.length === 1 || items.length === 2)) {
      logs.push(other(logs, parseLogKey(first)));
    } else if (keyword === "witness" && (items.length === 2 || items.length === 3)) {
      witnesses.set(define(first), other([...witnesses.values()], parseWitnessKey(second)));
    } else if (keyword === "group" && rest.length > 0) {
      for (const member of rest) {
        // A member of two groups would count twice.
        if (!isKnown(member) || members.has(member)) {
          throw new CheckFailed("policy", `${member} is not defined before, or a member already`);
        }
        members.add(member);
      }
      groups.push({ name: define(first), threshold: thresholdOf(second, rest.length), members: rest });
    } else if (keyword === "quorum" && items.length === 1 && quorum === undefined && (first === NO_QUORUM || isKnown(first))) {
      quorum = first;
    } else {
      throw new CheckFailed("policy", `a line that begins with ${keyword}`);
    }
  }
  if (quorum === undefined) {
    throw new CheckFailed("policy", "no quorum line");
  }
  return { logs, witnesses, groups, quorum };
}

/**
 * The checkpoint in a signed note, when the policy holds for it.
 *
 * @throws CheckFailed `note`; `checkpoint`: none of the policy's logs signed it; `cosignature`: one of a known witness does not
 * hold; `quorum`: too few cosigned.
 */
export function verifyByPolicy(noteText: string, policy: Policy): Witnessed {
  const note = parseNote(noteText);
  const checkpoint = parseCheckpoint(note);
  const signed = policy.logs.filter((key) => key.name === checkpoint.origin && claims(note, key));
  if (signed.length === 0) {
    throw new CheckFailed("checkpoint", "no signature of a log of the policy");
  }
  for (const key of signed) {
    verifyLogSignature(note, key);
  }
  const cosigned = new Map<string, number>();
  for (const [name, key] of policy.witnesses) {
    if (claims(note, key)) {
      cosigned.set(name, verifyCosignature(note, key));
    }
  }
  const witnessing = new Set(cosigned.keys());
  for (const { name, threshold, members } of policy.groups) {
    if (members.filter((member) => witnessing.has(member)).length >= threshold) {
      witnessing.add(name);
    }
  }
  if (policy.quorum !== NO_QUORUM && !witnessing.has(policy.quorum)) {
    throw new CheckFailed("quorum", `cosigned by ${[...cosigned.keys()].join(", ") || "nobody"}`);
  }
  return { checkpoint, cosigned };
}

function other(known: readonly VerifierKey[], key: VerifierKey): VerifierKey {
  if (known.some((before) => before.key.every((byte, index) => byte === key.key[index]))) {
    throw new CheckFailed("policy", "one key twice");
  }
  return key;
}

function thresholdOf(text: string, members: number): number {
  if (text === "any" || text === "all") {
    return text === "any" ? 1 : members;
  }
  const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > members) {
    throw new CheckFailed("policy", `the threshold ${text}`);
  }
  return number;
}
