/** Asking the public services. The browser keeps what it got with its ETag and asks with it again: an answer that didn't change costs a 304. */

import { NoAnswer, slugOf } from "@tsukuba-evote/shared/api";
import { Away } from "@tsukuba-evote/shared/read";

/** There is no such thing, or not yet, or not before the close. */
export class NotFound extends Error {
  override readonly name = "NotFound";
  readonly slug: string;

  constructor(slug: string) {
    super(slug);
    this.slug = slug;
  }
}

interface Answer<Data> {
  readonly data?: Data;
  readonly error?: unknown;
  readonly response: Response;
}

/** @throws Away, NotFound */
export async function read<Data>(request: () => Promise<Answer<Data>>): Promise<Data> {
  let answer: Answer<Data>;
  try {
    answer = await request();
  } catch (error) {
    // What JSON throws for a page of a proxy.
    if (error instanceof NoAnswer || error instanceof SyntaxError) {
      throw new Away();
    }
    throw error;
  }
  if (answer.data !== undefined) {
    return answer.data;
  }
  const slug = slugOf(answer.error);
  if (slug !== null && [403, 404, 409].includes(answer.response.status)) {
    throw new NotFound(slug);
  }
  throw new Away();
}
