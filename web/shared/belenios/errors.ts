/**
 * What can be wrong with a protocol message.
 *
 * `rule` is the stable name that the Python implementation gives the same fault (`ballot-signature`, `group-element`, …):
 * both are held to it by `tests/vectors`. `detail` is for engineers; pages put their own words to a rule.
 */
export class BeleniosError extends Error {
  override readonly name = "BeleniosError";
  readonly rule: string;
  readonly detail: string;

  constructor(rule: string, detail: string) {
    super(`${rule}: ${detail}`);
    this.rule = rule;
    this.detail = detail;
  }
}
