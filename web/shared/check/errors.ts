/** What was claimed doesn't hold. `step` says which check failed; pages put their own words to it. */
export class CheckFailed extends Error {
  override readonly name = "CheckFailed";
  readonly step: "receipt" | "inclusion" | "note" | "checkpoint" | "cosignature" | "quorum" | "policy" | "command";
  readonly detail: string;

  constructor(step: CheckFailed["step"], detail: string) {
    super(`${step}: ${detail}`);
    this.step = step;
    this.detail = detail;
  }
}
