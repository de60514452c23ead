// Prints the nginx line that says whom the page may talk to, from the city's configuration of the front: node connect-src.mjs CONFIG

import { readFileSync } from "node:fs";

const ORIGIN = /^https?:\/\/[a-z0-9.-]+(?::[0-9]+)?$/;
/** The card agent is on the voter's PC; which port it has, its pairing tells. */
const AGENT = "http://127.0.0.1:*";

const { services } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const origins = Object.values(services);
for (const origin of origins) {
  if (!ORIGIN.test(origin)) {
    // Anything else could end the quotes and change the policy.
    throw new Error(`not an origin: ${origin}`);
  }
}
// Where nobody identifies, there is no card.
const allowed = "auth" in services ? [...origins, AGENT] : origins;
process.stdout.write(`set $connect_src "${allowed.join(" ")}";\n`);
