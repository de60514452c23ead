// Prints the nginx locations of the city's wall, from what it asks: node reads.mjs READS. Each address asks one thing, fixed here; whatever
// the browser sends besides (query, headers, body) goes no further.

import { readFileSync } from "node:fs";

const { public: answers, prometheus } = JSON.parse(readFileSync(process.argv[2], "utf8"));

const addresses = [
  ...Object.entries(answers).map(([name, answer]) => {
    const [service, path] = answer.split(" ");
    return [name, `$evote_${service}${path.replace("{election_uuid}", "$evote_election")}`];
  }),
  ...Object.entries(prometheus).map(([name, query]) => [name, `$evote_prometheus/api/v1/query?query=${encoded(query)}`]),
];

/** Nothing of it ends nginx's word or begins a variable. */
function encoded(query) {
  return encodeURIComponent(query).replaceAll(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
}

process.stdout.write("# Written by reads.mjs.\n");
for (const [name, address] of addresses) {
  process.stdout.write(`location = /read/${name} {
  limit_except GET { deny all; }
  include /etc/evote-front/headers.conf;
  add_header Cache-Control "no-store" always;
  proxy_hide_header Cache-Control;
  proxy_pass_request_headers off;
  proxy_pass_request_body off;
  proxy_http_version 1.1;
  proxy_connect_timeout 3s;
  proxy_read_timeout 5s;
  proxy_ssl_server_name on;
  proxy_pass ${address};
}
`);
}
// What the city's staff say, written by `evote wall`; a folder of its own, so that a mounted one can be renewed.
process.stdout.write(`location = /read/announcements {
  include /etc/evote-front/headers.conf;
  add_header Cache-Control "no-store" always;
  default_type application/json;
  # Nothing announced is no error, six times a minute.
  log_not_found off;
  alias /etc/evote-front/announcements/announcements.json;
  error_page 404 = @none-announced;
}
location @none-announced {
  include /etc/evote-front/headers.conf;
  default_type application/json;
  return 200 "[]";
}
`);
