/**
 * Voting codes as people type them (`services/auth/evote_auth/domain/voting_codes.py`): Crockford's alphabet, 15 characters and one
 * that checks them, in whatever case, width and grouping. A slip is found here, before anything is sent.
 */

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH = 16;
const LONGEST_TYPED = 64;
const READ_AS: Readonly<Record<string, string>> = { O: "0", I: "1", L: "1" };
// Japanese keyboards write a long-vowel mark where a hyphen is meant, or the mathematical minus.
const BETWEEN = /[\s\p{Pd}ー−_.]/gu;

/** What is wrong with a code as it was typed. */
export type CodeFault = "empty" | "strange-character" | "too-short" | "too-long" | "mistyped";

/** The sixteen characters, or what is wrong. */
export function readVotingCode(typed: string): { readonly code: string } | { readonly fault: CodeFault } {
  const plain = typed.slice(0, LONGEST_TYPED + 1).normalize("NFKC").toUpperCase().replaceAll(BETWEEN, "");
  const characters = Array.from(plain, (sign) => READ_AS[sign] ?? sign);
  if (characters.length === 0) {
    return { fault: "empty" };
  }
  const digits = characters.map((sign) => ALPHABET.indexOf(sign));
  if (digits.includes(-1)) {
    return { fault: "strange-character" };
  }
  if (digits.length !== LENGTH || typed.length > LONGEST_TYPED) {
    return { fault: digits.length < LENGTH ? "too-short" : "too-long" };
  }
  return remainder(digits) === 0 ? { code: characters.join("") } : { fault: "mistyped" };
}

/** In groups, as the letter prints it. */
export function grouped(code: string): string {
  return (code.match(/.{1,4}/g) ?? []).join("-");
}

/** The digits as a polynomial over GF(32), modulo x⁵ + x² + 1, at its generator; 0 for a code with its check character. */
function remainder(digits: readonly number[]): number {
  return digits.reduce((sum, digit) => doubled(sum) ^ digit, 0);
}

function doubled(element: number): number {
  const twice = element << 1;
  return twice > 31 ? twice ^ 0b100101 : twice;
}
