/** What the clients send, and how problems are known. */

import { expect, test } from "vitest";

import { connect, NoAnswer, slugOf } from "../api/index.ts";

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

test("a connection that is lost, before the answer or within it, is told from a fault of the page", async () => {
  const asked = (fetch: () => Promise<Response>) => connect(urls, fetch).ballot.GET("/receipt-key");
  await expect(asked(() => Promise.reject(new TypeError("Failed to fetch")))).rejects.toThrow(NoAnswer);
  const breaksOff = new ReadableStream({
    pull: (controller) => {
      controller.error(new TypeError("network error"));
    },
  });
  await expect(asked(async () => new Response(breaksOff))).rejects.toThrow(NoAnswer);
  const own = new DOMException("left", "AbortError");
  await expect(asked(() => Promise.reject(own))).rejects.toBe(own);
});

test("an answer without a body stays one", async () => {
  const services = connect(urls, async () => new Response(null, { status: 304, headers: { ETag: '"1"' } }));
  const { response } = await services.ballot.GET("/receipt-key");
  expect([response.status, response.headers.get("ETag")]).toEqual([304, '"1"']);
});

test("a problem is known by its slug, and a proxy's page by none", () => {
  expect(slugOf({ type: "urn:tsukuba-evote:problem:election-closed", detail: "…" })).toBe("election-closed");
  for (const other of [null, "<html>", {}, { type: "about:blank" }, { type: "urn:tsukuba-evote:problem:" }]) {
    expect(slugOf(other)).toBeNull();
  }
});
