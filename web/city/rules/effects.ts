/**
 * What an alert means for who votes. When something is wrong, deploy/monitoring/rules decide alone; the wall only says whom it
 * touches. A test holds this table to the rules' names.
 */

export const WAYS = ["card", "phone", "face", "station"] as const;
export type Way = (typeof WAYS)[number];
export const STEPS = ["accepted", "logged", "witnessed", "anchored"] as const;
export type Step = (typeof STEPS)[number];
/** From bad to good. `unknown`: the data are old, or there are none. `unset`: this deployment has no such step. */
export const STATES = ["stops", "unknown", "slows", "well", "unset"] as const;
export type State = (typeof STATES)[number];

export interface Effect {
  readonly effect: "stops" | "slows";
  readonly on: readonly (Way | Step)[];
}

const CARDS = ["card", "phone"] as const;
/** What goes by the residents' page. */
const PAGES = ["card", "phone", "face"] as const;
const nobody: Effect = { effect: "slows", on: [] };
const slows = (...on: (Way | Step)[]): Effect => ({ effect: "slows", on });
const stops = (...on: (Way | Step)[]): Effect => ({ effect: "stops", on });

/** By the label `service`. */
export const OF_SERVICE: Readonly<Record<string, readonly (Way | Step)[]>> = {
  auth: WAYS,
  biometric: ["face"],
  ballot: [...WAYS, "accepted"],
  "ledger-anchor": ["logged", "witnessed", "anchored"],
  tally: [],
  resident: PAGES,
  board: [],
};

/** By the label `check`, where a check that fails is of less than the whole service. */
const OF_CHECK: Readonly<Record<string, readonly (Way | Step)[]>> = {
  "revocation-lists": CARDS,
  "face-workers": ["face"],
};

/** While nobody puts ballots into the log, who votes again waits: their device looks for the last ballot there. */
const again = slows(...WAYS);

/** By an alert's name; `stops-service` and `slows-service`: what its label `service` names. */
export const EFFECTS: Readonly<Record<string, Effect | readonly Effect[] | "stops-service" | "slows-service">> = {
  EvoteTampering: nobody,
  EvoteTamperingUnpublished: nobody,
  EvoteMonitorBlind: nobody,
  EvoteDeadLetters: nobody,
  EvoteReplicaStopped: nobody,
  EvoteProjectionStuck: slows("accepted", "logged"),
  EvoteTopicLosesEvents: nobody,
  EvoteRecordsMissing: nobody,
  EvoteCannotBeCounted: nobody,
  EvoteBallotsPassedOver: nobody,
  EvoteWitnessContradicts: stops("witnessed"),
  EvoteServiceAbsent: "stops-service",
  EvoteTwoReleases: nobody,
  EvoteServiceUnready: "stops-service",
  EvoteReplicaUnready: "slows-service",
  EvoteReplicaDown: nobody,
  EvoteReplicasMissing: nobody,
  EvoteSequencersNotOne: [stops("logged"), again],
  EvoteSequencerFlaps: slows("logged", ...WAYS),
  EvoteBallotsUnlogged: [stops("logged"), again],
  EvoteReadBackFails: stops(...WAYS, "accepted"),
  EvoteCloseUnsettled: slows("accepted"),
  EvotePublishesFail: stops(...WAYS, "accepted", "logged"),
  EvoteCardsCannotBeChecked: stops(...CARDS),
  EvoteRevocationListsEnd: slows(...CARDS),
  EvoteRevocationResponderAway: slows(...CARDS),
  EvoteCredentialKeysAway: stops(...WAYS),
  EvoteManyRefused: slows(...WAYS),
  EvoteFlood: slows(...WAYS, "accepted"),
  EvoteFaceWorkersAway: slows("face"),
  EvoteProjectionLags: slows("accepted", "logged"),
  EvoteDatabasePoolFull: slows(...WAYS),
  EvoteEventLoopLate: slows(...WAYS),
  EvoteClockSkewed: nobody,
  EvoteWatchdog: nobody,
  EvoteWitnessAway: slows("witnessed"),
  EvoteAnchoringAway: slows("anchored"),
  EvoteAnchorsLate: slows("anchored"),
  EvoteChainUnread: slows("anchored"),
  EvoteKafkaUnderMinIsr: stops(...WAYS, "accepted", "logged"),
  // Whoever has a credential casts: Kafka keeps ballots. Releases wait for PostgreSQL.
  EvoteNoSynchronousStandby: stops(...WAYS),
  EvoteStandbyMissing: nobody,
  EvoteArchivingFails: nobody,
  EvoteBackupOld: nobody,
  EvoteCertificateEnds: nobody,
  EvoteCertificateEndsSoon: nobody,
  EvoteRosterEnds: nobody,
  EvoteRosterEndsSoon: nobody,
  EvoteCastsFail: slows(...WAYS, "accepted"),
  EvoteCastsSlow: slows(...WAYS, "accepted"),
  EvoteReleasesFail: slows(...WAYS),
  EvoteLoggedLate: slows("logged"),
  EvoteBoardSlow: nobody,
  EvoteAnchoredLateFabric: slows("anchored"),
  EvoteAnchoredLateEthereum: slows("anchored"),
};

/** What a firing alert does. One of a newer release that this page doesn't know is listed as an alarm, and colours nothing. */
export function effectsOf(labels: Readonly<Record<string, string>>): readonly Effect[] {
  const effect = EFFECTS[labels["alertname"] ?? ""] ?? nobody;
  if (effect !== "stops-service" && effect !== "slows-service") {
    return "effect" in effect ? [effect] : effect;
  }
  const { service = "", check = "" } = labels;
  const on = OF_CHECK[check] ?? OF_SERVICE[service] ?? [];
  return effect === "slows-service" ? [slows(...on)] : [stops(...on), ...(service === "ledger-anchor" ? [again] : [])];
}

/** The worst of what touches a way in or a step; `unknown` when `known` is false, whatever was said last. */
export function stateOf(place: Way | Step, effects: readonly Effect[], known: boolean): State {
  if (!known) {
    return "unknown";
  }
  const touching = effects.filter(({ on }) => on.includes(place));
  return touching.some(({ effect }) => effect === "stops") ? "stops" : touching.length > 0 ? "slows" : "well";
}

/** The log is green only while it is known that no accepted ballot waits for it; `oldest`: for how many seconds at least the first has waited, 0 for none that is late. */
export function loggedState(told: State, oldest: number | null): State {
  if (told === "stops" || told === "unknown") {
    return told;
  }
  return oldest === null ? "unknown" : oldest > 0 ? "slows" : told;
}
