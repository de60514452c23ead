/** The card agent's door on the voter's own PC (`clients/card-agent`). */

import * as v from "valibot";

/** Where the agent that opened this page listens, and the secret that it gave this page alone. */
export interface Pairing {
  readonly port: number;
  readonly secret: string;
}

/** What the agent made of a card, all in base64. */
export interface CardAnswers {
  readonly challenge_id: string;
  readonly user_certificate: string;
  readonly challenge_signature: string;
  readonly signature_certificate: string;
  readonly statement_signature: string;
}

/** Everything that the agent may report (`evote_card_agent/reports.py`), and that it doesn't answer at all. */
export const AGENT_CODES = [
  "ready",
  "pcsc-unavailable",
  "reader-missing",
  "card-missing",
  "card-unreadable",
  "wrong-card",
  "card-removed",
  "card-changed",
  "card-failed",
  "reader-busy",
  "signing-in-progress",
  "pin-wrong",
  "password-wrong",
  "pin-locked",
  "password-locked",
  "cancelled",
  "confirmation-timed-out",
  "cannot-ask",
  "origin-refused",
  "host-refused",
  "preflight-refused",
  "pairing-refused",
  "rate-limited",
  "election-refused",
  "texts-refused",
  "invalid-request",
  "malformed-json",
  "unsupported-media-type",
  "body-too-large",
  "not-found",
  "method-not-allowed",
  "internal-error",
  "agent-missing",
] as const;
export type AgentCode = (typeof AGENT_CODES)[number];

/** The agent, or the card through it, said no. */
export class AgentRefused extends Error {
  override readonly name = "AgentRefused";
  readonly code: AgentCode;
  /** Of the PIN or password that was wrong. */
  readonly triesLeft: number | null;

  constructor(code: AgentCode, triesLeft: number | null = null) {
    super(code);
    this.code = code;
    this.triesLeft = triesLeft;
  }
}

export type CardState =
  | { readonly code: "ready"; readonly pinTriesLeft: number; readonly passwordTriesLeft: number }
  | { readonly code: Exclude<AgentCode, "ready"> };

const Code = v.picklist(AGENT_CODES);
const Status = v.variant("state", [
  v.object({ state: v.literal("ready"), pin_tries_left: v.number(), password_tries_left: v.number() }),
  v.object({ state: v.picklist(AGENT_CODES.filter((code) => code !== "ready")) }),
]);
const Base64 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]+={0,2}$/), v.maxLength(12_000));
const Signatures = v.object({
  challenge_id: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  user_certificate: Base64,
  challenge_signature: Base64,
  signature_certificate: Base64,
  statement_signature: Base64,
});
const Problem = v.object({
  type: v.pipe(
    v.string(),
    v.transform((type) => type.slice(type.lastIndexOf(":") + 1)),
    Code,
  ),
  tries_left: v.optional(v.number()),
});
const PAIRING = /^(?<port>[1-9][0-9]{0,4})\.(?<secret>[A-Za-z0-9_-]{20,100})$/;

/** What stands behind `card-agent=` in the fragment; `null`: no pairing. */
export function parsePairing(text: string | null): Pairing | null {
  const { port, secret } = PAIRING.exec(text ?? "")?.groups ?? {};
  return port === undefined || secret === undefined || Number(port) > 65_535 ? null : { port: Number(port), secret };
}

/** The agent of one pairing. */
export class CardAgent {
  readonly #pairing: Pairing;
  readonly #fetch: (url: string, init: RequestInit) => Promise<Response>;

  /** @param fetch the browser's own, but in tests. */
  constructor(pairing: Pairing, fetch: (url: string, init: RequestInit) => Promise<Response>) {
    this.#pairing = pairing;
    this.#fetch = fetch;
  }

  /** How reader and card are. @throws AgentRefused */
  async status(signal: AbortSignal): Promise<CardState> {
    const status = v.safeParse(Status, await this.#ask("/v1/status", { method: "GET", signal }));
    if (!status.success) {
      throw new AgentRefused("agent-missing");
    }
    const { output } = status;
    return output.state === "ready"
      ? { code: "ready", pinTriesLeft: output.pin_tries_left, passwordTriesLeft: output.password_tries_left }
      : { code: output.state };
  }

  /** Answers when the voter has typed both PINs into the agent. @throws AgentRefused */
  async sign(challenge: string, releaseStatement: string, signal: AbortSignal): Promise<CardAnswers> {
    const signed = await this.#ask("/v1/signatures", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ challenge, release_statement: releaseStatement }),
      signal,
    });
    const answers = v.safeParse(Signatures, signed);
    if (!answers.success) {
      throw new AgentRefused("agent-missing");
    }
    return answers.output;
  }

  async #ask(path: string, init: RequestInit): Promise<unknown> {
    const { port, secret } = this.#pairing;
    let response: Response;
    let content: unknown;
    try {
      response = await this.#fetch(`http://127.0.0.1:${port}${path}`, {
        ...init,
        headers: { ...init.headers, Authorization: `Bearer ${secret}` },
        credentials: "omit",
        referrerPolicy: "no-referrer",
        cache: "no-store",
      });
      content = await response.json();
    } catch (error) {
      if (init.signal?.aborted === true) {
        throw error;
      }
      // Not started, stopped meanwhile, kept from the page by the browser's question about the local network, or another program.
      throw new AgentRefused("agent-missing");
    }
    if (response.ok) {
      return content;
    }
    const problem = v.safeParse(Problem, content);
    throw problem.success
      ? new AgentRefused(problem.output.type, problem.output.tries_left ?? null)
      : new AgentRefused("agent-missing");
  }
}
