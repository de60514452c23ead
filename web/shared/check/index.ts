/**
 * Checking a receipt in the browser, against keys and a witness policy that the page has from the city and not from the services.
 * What doesn't hold throws a {@link CheckFailed} with the step.
 *
 * {@link checkReceipt}; {@link recordOf} and {@link leafHash}; {@link verifyByPolicy} over the signed checkpoint; {@link verifyInclusion} of the leaf in
 * that checkpoint's tree. Beside it {@link checkCommand}, of what an officer signed.
 */

export { checkCommand, type Commanded, type Officers, parseKeyLine } from "./command.ts";
export { CheckFailed } from "./errors.ts";
export { leafHash, verifyInclusion } from "./merkle.ts";
export { type Checkpoint, openCheckpoint, parseLogKey, type VerifierKey } from "./note.ts";
export { parsePolicy, type Policy, verifyByPolicy, type Witnessed } from "./policy.ts";
export { checkReceipt, type Receipt, recordOf } from "./receipt.ts";
