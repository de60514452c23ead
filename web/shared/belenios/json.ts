/**
 * JSON as the protocol reads it: one value for a text, and nothing that two readers could differ on.
 *
 * `JSON.parse` takes the last of two fields of one name, and rounds numbers; so what arrives is read by this parser.
 * `JSON.stringify` writes the protocol's compact text.
 */

import { BeleniosError } from "./errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const MOST_LEVELS = 64;
/** More than the list of public credentials of a city of 200,000 voters takes in the larger group. */
const MOST_CHARACTERS = 1 << 27;
const SPACE = /[ \t\n\r]*/y;
// oxlint-disable-next-line no-control-regex -- JSON forbids them in strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
const WORD = /true|false|null/y;
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;

/**
 * The value of a JSON text.
 *
 * @throws {@link BeleniosError} `json`: malformed, a field given twice, a fraction, an exponent, an integer beyond 2^53,
 * half of a surrogate pair, nested too deep, or too long.
 */
export function load(text: string): Json {
  if (text.length > MOST_CHARACTERS) {
    throw malformed(`longer than ${MOST_CHARACTERS} characters`);
  }
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(level: number): Json {
    if (level > MOST_LEVELS) {
      throw malformed("nested too deep");
    }
    this.#take(SPACE);
    switch (this.#text[this.#position]) {
      case "{":
        return this.#object(level);
      case "[":
        return this.#array(level);
      case '"':
        return this.#string();
      default:
        return this.#scalar();
    }
  }

  end(): void {
    this.#take(SPACE);
    if (this.#position !== this.#text.length) {
      throw malformed("something follows the value");
    }
  }

  #object(level: number): Json {
    const fields = new Map<string, Json>();
    this.#each("}", () => {
      this.#take(SPACE);
      const name = this.#string();
      if (fields.has(name)) {
        throw malformed("a field is given twice");
      }
      this.#take(SPACE);
      if (!this.#skip(":")) {
        throw malformed("a field without a value");
      }
      fields.set(name, this.value(level + 1));
    });
    // Not by assignment: a field may be called `__proto__`.
    return Object.fromEntries(fields);
  }

  #array(level: number): Json {
    const items: Json[] = [];
    this.#each("]", () => items.push(this.value(level + 1)));
    return items;
  }

  #each(closing: string, read: () => void): void {
    this.#position += 1;
    this.#take(SPACE);
    if (this.#skip(closing)) {
      return;
    }
    do {
      read();
      this.#take(SPACE);
    } while (this.#skip(","));
    if (!this.#skip(closing)) {
      throw malformed(`no ${closing} where one is due`);
    }
  }

  #string(): string {
    const quoted = this.#take(STRING);
    if (quoted === null) {
      throw malformed("not a string");
    }
    const text = JSON.parse(quoted) as string;
    if (LONE_SURROGATE.test(text)) {
      // It is no character and has no UTF-8, so that there is nothing to hash.
      throw malformed("half of a surrogate pair");
    }
    return text;
  }

  #scalar(): Json {
    const word = this.#take(WORD);
    if (word !== null) {
      return JSON.parse(word) as boolean | null;
    }
    const digits = this.#take(NUMBER);
    if (digits === null) {
      throw malformed("not a value, or no integer");
    }
    const number = Number(digits) + 0; // minus zero becomes zero
    if (!Number.isSafeInteger(number)) {
      throw malformed("an integer beyond 2^53");
    }
    return number;
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#position;
    const found = pattern.exec(this.#text);
    if (found === null) {
      return null;
    }
    this.#position = pattern.lastIndex;
    return found[0];
  }

  #skip(character: string): boolean {
    const found = this.#text[this.#position] === character;
    this.#position += found ? 1 : 0;
    return found;
  }
}

/** Reads an object's fields one by one, each with its type, and refuses those that nobody asked for. */
export class Fields {
  readonly #fields: ReadonlyMap<string, Json>;
  readonly #what: string;
  readonly #read = new Set<string>();

  /** `what` names the structure in messages. */
  constructor(value: Json, what: string) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw wrong(what, "is not an object");
    }
    this.#fields = new Map(Object.entries(value));
    this.#what = what;
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  value(name: string): Json {
    const value = this.#fields.get(name);
    if (value === undefined) {
      throw wrong(this.#what, `lacks the field ${name}`);
    }
    this.#read.add(name);
    return value;
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value !== "string") {
      throw wrong(this.#what, `${name} is not a string`);
    }
    return value;
  }

  integer(name: string): number {
    const value = this.value(name);
    if (typeof value !== "number") {
      throw wrong(this.#what, `${name} is not an integer`);
    }
    return value;
  }

  boolean(name: string): boolean {
    const value = this.value(name);
    if (typeof value !== "boolean") {
      throw wrong(this.#what, `${name} is not true or false`);
    }
    return value;
  }

  array(name: string): readonly Json[] {
    return asArray(this.value(name), `${this.#what}.${name}`);
  }

  texts(name: string): readonly string[] {
    return asTexts(this.value(name), `${this.#what}.${name}`);
  }

  /** A number in [0, `order`), as a decimal string without leading zeros. */
  exponent(name: string, order: bigint): bigint {
    const text = this.text(name);
    if (text.length > 1000 || !/^(?:0|[1-9][0-9]*)$/.test(text)) {
      throw new BeleniosError("number", `${this.#what}.${name} is not a canonical decimal number`);
    }
    const number = BigInt(text);
    if (number >= order) {
      throw new BeleniosError("number", `${this.#what}.${name} is not reduced modulo q`);
    }
    return number;
  }

  /** Refuse fields that were not read. */
  end(): void {
    for (const name of this.#fields.keys()) {
      if (!this.#read.has(name)) {
        throw wrong(this.#what, `has the unknown field ${JSON.stringify(name.slice(0, 40))}`);
      }
    }
  }
}

export function asArray(value: Json, what: string): readonly Json[] {
  if (!Array.isArray(value)) {
    throw wrong(what, "is not an array");
  }
  return value as readonly Json[];
}

export function asTexts(value: Json, what: string): readonly string[] {
  const items = asArray(value, what);
  if (!items.every((item) => typeof item === "string")) {
    throw wrong(what, "is not an array of strings");
  }
  return items;
}

function malformed(detail: string): BeleniosError {
  return new BeleniosError("json", detail);
}

function wrong(what: string, detail: string): BeleniosError {
  return new BeleniosError("schema", `${what} ${detail}`);
}
