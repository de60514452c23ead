import type { Json } from "./json.ts";

/**
 * The canonical text of a value (RFC 8785): what signed statements and the log's records are written in.
 *
 * Strings and integers are written by `JSON.stringify`, which RFC 8785 follows; fields are sorted by UTF-16 code units.
 */
export function canonical(value: Json): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(",")}]`;
  }
  if (value !== null && typeof value === "object") {
    const fields = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1));
    return `{${fields.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
