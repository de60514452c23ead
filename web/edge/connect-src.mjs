// Prints what nginx takes from the city's configuration of a front: node connect-src.mjs CONFIG. Of the pages for residents and the public it
// is whom they may talk to. The wall's page talks to its own server alone, and that one to the services: whom it asks, then.

import { readFileSync } from "node:fs";

const ORIGIN = /^https?:\/\/[a-z0-9.-]+(?::[0-9]+)?$/;
const UUID = /^[1-9A-HJ-NP-Za-km-z]{14,64}$/;
const RESOLVER = /^[a-z0-9.:[\]-]+$/;
/** The card agent is on the voter's PC; which port it has, its pairing tells. */
const AGENT = "http://127.0.0.1:*";

const { services, election, resolver } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const origins = Object.values(services);
for (const origin of origins) {
  // Anything else could end the quotes and change the policy.
  must(ORIGIN.test(origin), `not an origin: ${origin}`);
}
process.stdout.write("prometheus" in services ? wall() : page());

function page() {
  // Where nobody identifies, there is no card.
  const allowed = "auth" in services ? [...origins, AGENT] : origins;
  return `set $connect_src "${allowed.join(" ")}";\n`;
}

function wall() {
  must(UUID.test(election), `not an election: ${election}`);
  must(resolver === undefined || RESOLVER.test(resolver), `not a name server: ${resolver}`);
  const named = origins.filter((origin) => !/^https?:\/\/[0-9.]+(?::|$)/.test(origin));
  must(named.length === 0 || resolver !== undefined, `without a name server (resolver) nobody finds ${named.join(", ")}`);
  return [
    'set $connect_src "";',
    `set $evote_election "${election}";`,
    ...Object.entries(services).map(([name, origin]) => `set $evote_${name} "${origin}";`),
    // Names are looked up again and again: an address may change while the wall hangs there.
    ...(resolver === undefined ? [] : [`resolver ${resolver} valid=30s;`]),
    ...(origins.some((origin) => origin.startsWith("https:"))
      ? ["proxy_ssl_verify on;", "proxy_ssl_verify_depth 3;", "proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;"]
      : []),
    "",
  ].join("\n");
}

function must(holds, fault) {
  if (!holds) {
    throw new Error(fault);
  }
}
