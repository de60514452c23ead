/** What the clients send, and how problems are known. */

import { expect, test } from "vitest";

import { connect, slugOf } from "../api/index.ts";

const urls = {
  auth: "https://auth.example",
  ballot: "https://ballot.example",
  biometric: "https://biometric.example",
  log: "https://log.example",
  tally: "https://tally.example",
};

test("requests carry no cookie and no referrer", async () => {
  const sent: Request[] = [];
  const services = connect(urls, async (request) => {
    sent.push(request);
    return Response.json({ algorithm: "Ed25519", public_key: "" });
  });
  const { data } = await services.ballot.GET("/receipt-key");
  expect(data?.algorithm).toBe("Ed25519");
  await services.auth.POST("/elections/{election_uuid}/challenges", {
    params: { path: { election_uuid: "11111111111111" } },
    body: { device_key: `ed25519-x25519:${"A".repeat(86)}` },
  });
  expect(sent.map(({ url }) => url)).toEqual([
    "https://ballot.example/receipt-key",
    "https://auth.example/elections/11111111111111/challenges",
  ]);
  for (const request of sent) {
    expect(request.credentials).toBe("omit");
    expect(request.referrerPolicy).toBe("no-referrer");
  }
});

test("a problem is known by its slug, and a proxy's page by none", () => {
  expect(slugOf({ type: "urn:tsukuba-evote:problem:election-closed", detail: "…" })).toBe("election-closed");
  for (const other of [null, "<html>", {}, { type: "about:blank" }, { type: "urn:tsukuba-evote:problem:" }]) {
    expect(slugOf(other)).toBeNull();
  }
});
