/** The ways in: what the card agent, a typed code and the camera may say, and what the device sends. */

import { hexToBytes } from "@noble/hashes/utils.js";
import { connect } from "@tsukuba-evote/shared/api";
import { LyingService, newDeviceKeys } from "@tsukuba-evote/shared/device";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { vectors } from "../../shared/tests/vectors.ts";
import { persist, Refused } from "../vote/retrying.ts";
import { AgentRefused, CardAgent, parsePairing } from "../ways/agent.ts";
import { stepsOf, takeBurst } from "../ways/burst.ts";
import { CameraRefused, openCamera } from "../ways/camera.ts";
import { type CardProgress, releaseByCard } from "../ways/card.ts";
import { ACTIONS, beginVerification, orderByCode, releaseByFace } from "../ways/face.ts";
import { beginByPhone, parsePhoneReturn, releaseByPhone } from "../ways/phone.ts";
import { grouped, readVotingCode } from "../ways/voting_code.ts";
import { problem, URLS } from "./pretend.ts";

const SECRET = "s".repeat(43);

describe("the pairing", () => {
  test("is a port and a secret", () => {
    expect(parsePairing(`28741.${SECRET}`)).toEqual({ port: 28741, secret: SECRET });
  });

  test.each([null, "", "28741", `0.${SECRET}`, `99999.${SECRET}`, `28741.${SECRET}@evil.example`, "28741.short"])("%s is none", (text) => {
    expect(parsePairing(text)).toBeNull();
  });
});

describe("the card agent", () => {
  const { signal } = new AbortController();
  const agentOf = (answer: () => Response | Promise<Response>, asked: [string, RequestInit][] = []) =>
    new CardAgent({ port: 28741, secret: SECRET }, async (url, init) => {
      asked.push([url, init]);
      return answer();
    });

  test("is asked on this PC alone, with its secret and no cookie", async () => {
    const asked: [string, RequestInit][] = [];
    const agent = agentOf(() => Response.json({ state: "ready", pin_tries_left: 3, password_tries_left: 5 }), asked);
    expect(await agent.status(signal)).toEqual({ code: "ready", pinTriesLeft: 3, passwordTriesLeft: 5 });
    const [url, init] = asked[0]!;
    expect(url).toBe("http://127.0.0.1:28741/v1/status");
    expect(init).toMatchObject({ credentials: "omit", referrerPolicy: "no-referrer", headers: { Authorization: `Bearer ${SECRET}` } });
  });

  test.each(["reader-missing", "card-missing", "wrong-card"])("tells %s", async (state) => {
    expect(await agentOf(() => Response.json({ state, title: "", detail: "" })).status(signal)).toEqual({ code: state });
  });

  test("tells how many tries a wrong PIN leaves, and what is locked", async () => {
    const wrong = agentOf(() => Response.json({ type: "urn:x:pin-wrong", tries_left: 2 }, { status: 403 }));
    await expect(wrong.sign("", "", signal)).rejects.toMatchObject({ code: "pin-wrong", triesLeft: 2 });
    const locked = agentOf(() => Response.json({ type: "urn:x:password-locked" }, { status: 403 }));
    await expect(locked.sign("", "", signal)).rejects.toMatchObject({ code: "password-locked", triesLeft: null });
  });

  test.each([
    ["that isn't there", () => Promise.reject<Response>(new TypeError("Failed to fetch"))],
    ["whose port another program has", () => new Response("<html>", { status: 200 })],
    ["that says what nobody knows", () => Response.json({ state: "unheard-of" })],
  ])("%s is missing", async (_, answer) => {
    await expect(agentOf(answer).status(signal)).rejects.toEqual(new AgentRefused("agent-missing"));
  });
});

// Made by auth's `new_voting_code`.
const CODES = ["GST4-WRVW-X7F4-8GGF", "25DA-74JW-18QF-C74Q", "0FWW-0CVD-361T-G5WG", "K9NQ-0AEX-GKX0-VVNT"];

describe("a typed voting code", () => {
  test.each(CODES)("%s is read however it is typed", (code) => {
    const characters = code.replaceAll("-", "");
    const fullWidth = Array.from(code.toLowerCase(), (sign) => (sign === "-" ? "ー" : String.fromCharCode(sign.charCodeAt(0) + 0xfee0))).join("");
    for (const typed of [code, code.toLowerCase(), characters, ` ${code.replaceAll("-", " ")} `, fullWidth, code.replaceAll("0", "O").replaceAll("1", "l")]) {
      expect(readVotingCode(typed)).toEqual({ code: characters });
    }
    expect(grouped(characters)).toBe(code);
  });

  test("any wrong character and any two that changed places are found before anything is sent", () => {
    const characters = CODES[0]!.replaceAll("-", "");
    fc.assert(
      fc.property(fc.nat(15), fc.constantFrom(..."0123456789ABCDEFGHJKMNPQRSTVWXYZ"), (at, other) => {
        fc.pre(characters[at] !== other);
        expect(readVotingCode(characters.slice(0, at) + other + characters.slice(at + 1))).toEqual({ fault: "mistyped" });
      }),
    );
    fc.assert(
      fc.property(fc.nat(15), fc.nat(15), (one, two) => {
        fc.pre(characters[one] !== characters[two]);
        const signs = [...characters];
        [signs[one], signs[two]] = [signs[two]!, signs[one]!];
        expect(readVotingCode(signs.join(""))).toEqual({ fault: "mistyped" });
      }),
    );
  });

  test.each([
    ["", "empty"],
    [" - ", "empty"],
    ["GST4-WRVW-X7F4-8GG", "too-short"],
    ["GST4-WRVW-X7F4-8GGFF", "too-long"],
    ["GST4-WRVW-X7F4-8GGU", "strange-character"],
    ["投票", "strange-character"],
  ])("%j is %s", (typed, fault) => {
    expect(readVotingCode(typed)).toEqual({ fault });
  });
});

const vector = vectors<{
  election_uuid: string;
  occasion_id: string;
  signing_seed: string;
  sealing_secret: string;
  device_key: string;
  sealed: { contents: string; plain: string; sealed: string }[];
  phone: { state: string; code: string; device_request: string };
  typed_code: { code_key: string; plain: string; sealed: string };
}>("device/occasion.json");
const uuid = vector.election_uuid;
const released = vector.sealed.find(({ contents }) => contents === "tsukuba-evote sealed credential v1")!;
const holder = vector.sealed.find(({ contents }) => contents === "tsukuba-evote sealed name v1")!;
const answers = {
  challenge_id: vector.occasion_id,
  user_certificate: "AAAA",
  challenge_signature: "AAAB",
  signature_certificate: "AAAC",
  statement_signature: "AAAD",
};

/** The device of the vectors, and then the ephemeral key of their typed code. */
function vectorRandom(): (count: number) => Uint8Array {
  const rest = [hexToBytes(vector.signing_seed), hexToBytes(vector.sealing_secret), new Uint8Array(32).fill(3)];
  return () => rest.shift()!;
}

/** Services that answer by the end of the address, one answer after the other. */
function servicesOf(answer: Readonly<Record<string, (() => Response)[]>>) {
  const asked: { path: string; body: unknown }[] = [];
  const services = connect(URLS, async (request) => {
    const path = new URL(request.url).pathname.split("/").at(-1)!;
    const isForm = request.headers.get("Content-Type")?.startsWith("multipart/form-data") === true;
    asked.push({ path, body: isForm ? await request.formData() : await request.json() });
    return answer[path]!.shift()!();
  });
  return { services, asked };
}

function challengeFor(key: string): object {
  return {
    challenge_id: vector.occasion_id,
    challenge: `tsukuba-evote challenge v2\n${uuid}\n${vector.occasion_id}\n${"ab".repeat(32)}\n${key}\n`,
    release_statement:
      `投票資格情報の受け取り\n選挙: 模擬住民投票\n選挙番号: ${uuid}\n受付番号: ${vector.occasion_id}\n受け取る端末の鍵: ${key}\n` +
      "私は、この選挙で投票するための資格情報を、この端末で受け取ります。\n",
    expires_at: "2026-11-28T00:00:00Z",
  };
}

describe("by phone", () => {
  const APP = "https://app.example";
  const way = (services: ReturnType<typeof servicesOf>["services"]) => ({
    services,
    wait: async () => {},
    tell: () => {},
    signal: new AbortController().signal,
  });
  const visit = (key: string, url = `${APP}/authorize?client_id=city&nonce=n`) => () =>
    Response.json({ ...challengeFor(key), authorization_url: url }, { status: 201 });

  test("the voter is sent to the app with everything that the page will need when it comes back", async () => {
    const { services, asked } = servicesOf({ "phone-visits": [visit(vector.device_key)] });
    const url = new URL(await beginByPhone(uuid, APP, vectorRandom(), way(services)));
    expect(url.origin).toBe(APP);
    expect(Object.fromEntries(url.searchParams)).toEqual({ client_id: "city", nonce: "n", state: vector.phone.state });
    expect(asked).toEqual([{ path: "phone-visits", body: { device_key: vector.device_key } }]);
  });

  test("no voter is sent anywhere for another device, or to another place than the city's", async () => {
    const stranger = newDeviceKeys((count) => new Uint8Array(count).fill(7)).text;
    for (const answer of [visit(stranger), visit(vector.device_key, "https://evil.example/?a=b"), visit(vector.device_key, "javascript:alert(1)")]) {
      const { services } = servicesOf({ "phone-visits": [answer] });
      await expect(beginByPhone(uuid, APP, vectorRandom(), way(services))).rejects.toThrow(LyingService);
    }
  });

  test("the code that came back brings the credential, the same request being sent again when its answer was lost", async () => {
    const lost = () => {
      throw new TypeError("Failed to fetch");
    };
    const { services, asked } = servicesOf({
      "phone-releases": [
        lost,
        () => Response.json({ election_uuid: uuid, sealed_credential: released.sealed, sealed_name: holder.sealed }),
      ],
    });
    const returned = parsePhoneReturn(new URLSearchParams({ code: vector.phone.code, state: vector.phone.state }))!;
    expect(await releaseByPhone(returned.state, returned.code!, way(services))).toEqual({
      credential: released.plain,
      holder: holder.plain,
    });
    const { code, device_request } = vector.phone;
    const request = { path: "phone-releases", body: { challenge_id: vector.occasion_id, code, device_request } };
    expect(asked).toEqual([request, request]);
  });
});

describe("by card", () => {
  const way = (services: ReturnType<typeof servicesOf>["services"], tell: (progress: CardProgress) => void = () => {}) => ({
    services,
    electionUuid: uuid,
    agent: { sign: async () => answers },
    random: vectorRandom(),
    wait: async () => {},
    tell,
    signal: new AbortController().signal,
  });

  test("the credential comes, the same request being sent again when its answer was lost", async () => {
    const lost = () => {
      throw new TypeError("Failed to fetch");
    };
    const { services, asked } = servicesOf({
      challenges: [() => Response.json(challengeFor(vector.device_key), { status: 201 })],
      releases: [lost, () => problem(503, "log-unavailable", {}, 4), () => Response.json({ election_uuid: uuid, sealed_credential: released.sealed })],
    });
    const told: CardProgress[] = [];
    expect(await releaseByCard(way(services, (progress) => void told.push(progress)))).toBe(released.plain);
    expect(asked.map(({ path }) => path)).toEqual(["challenges", "releases", "releases", "releases"]);
    expect(asked[2]!.body).toEqual(asked[1]!.body);
    expect(told).toContainEqual({ step: "agent-asks", number: vector.occasion_id });
    expect(told).toContainEqual({ step: "waiting", seconds: 4 });
  });

  test("a challenge for another device is shown to no card", async () => {
    const stranger = newDeviceKeys((count) => new Uint8Array(count).fill(7)).text;
    const { services, asked } = servicesOf({ challenges: [() => Response.json(challengeFor(stranger), { status: 201 })] });
    await expect(releaseByCard(way(services))).rejects.toThrow("not for this device");
    expect(asked).toHaveLength(1);
  });

  test("a refusal names the reception number for the officer", async () => {
    const { services } = servicesOf({
      challenges: [() => Response.json(challengeFor(vector.device_key), { status: 201 })],
      releases: [() => problem(409, "match-pending", { reception_number: "R-17" })],
    });
    await expect(releaseByCard(way(services))).rejects.toMatchObject({ slug: "match-pending", receptionNumber: "R-17" });
  });
});

describe("by code and face", () => {
  const order = JSON.stringify({ device_key: vector.device_key, election_uuid: uuid, order_id: vector.occasion_id });
  const way = (services: ReturnType<typeof servicesOf>["services"]) => ({
    services,
    electionUuid: uuid,
    codeKey: hexToBytes(vector.typed_code.code_key),
    random: vectorRandom(),
    wait: async () => {},
    signal: new AbortController().signal,
  });
  const burst = [0, 900, 1800].map((atMs) => ({ atMs, jpeg: new Blob([`${atMs}`], { type: "image/jpeg" }) }));

  test("the code goes sealed to auth, the pictures to biometric, the verdict to auth", async () => {
    const { services, asked } = servicesOf({
      "face-orders": [() => Response.json({ order, expires_at: "" }, { status: 201 })],
      verifications: [
        () =>
          Response.json(
            { verification_id: "v1", actions: ["blink", "turn-left", "blink"], instructions: [], nonce: "n1", expires_at: "", attempts_left: 2 },
            { status: 201 },
          ),
      ],
      frames: [() => Response.json({ verdict: "the verdict" })],
      "face-releases": [() => Response.json({ election_uuid: uuid, sealed_credential: released.sealed })],
    });
    const face = way(services);
    const ordered = await orderByCode(vector.typed_code.plain, face);
    expect(asked[0]!.body).toEqual({ sealed_voting_code: vector.typed_code.sealed, device_key: vector.device_key });
    const verification = await beginVerification(ordered, face);
    expect(verification).toEqual({ id: "v1", nonce: "n1", actions: ["blink", "turn-left", "blink"], attemptsLeft: 2 });
    expect(await releaseByFace(ordered, verification, burst, face)).toBe(released.plain);
    const form = asked[2]!.body as FormData;
    expect(form.get("nonce")).toBe("n1");
    expect(form.get("timestamps")).toBe("0,900,1800");
    expect(form.getAll("frames")).toHaveLength(3);
    expect(asked[3]!.body).toMatchObject({ verdict: "the verdict" });
  });

  test("pictures that nobody could look at are not sent again: new ones are taken, by the same order", async () => {
    const { services, asked } = servicesOf({ frames: [() => problem(503, "faces-busy", {}, 5), () => problem(409, "verification-used")] });
    const ordered = { keys: newDeviceKeys(vectorRandom()), order, id: vector.occasion_id };
    const verification = { id: "v1", nonce: "n1", actions: [], attemptsLeft: 2 };
    await expect(releaseByFace(ordered, verification, burst, way(services))).rejects.toMatchObject({ slug: "faces-busy", waitS: 5 });
    expect(asked).toHaveLength(1);
  });

  test("a face that was refused tells why, and how many tries are left", async () => {
    const { services } = servicesOf({ frames: [() => problem(403, "face-refused", { reason: "no-face", attempts_left: 1 })] });
    const ordered = { keys: newDeviceKeys(vectorRandom()), order, id: vector.occasion_id };
    const verification = { id: "v1", nonce: "n1", actions: [], attemptsLeft: 2 };
    const refused = await releaseByFace(ordered, verification, burst, way(services)).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Refused);
    expect(refused).toMatchObject({ slug: "face-refused", reason: "no-face", attemptsLeft: 1 });
  });
});

test("the pictures of every challenge are as many, as close and as soon done as biometric takes them", async () => {
  const [left, right, up, blink] = ACTIONS;
  const challenges: (typeof ACTIONS)[number][][] = [[left, right, up], [left, right, up, blink], [blink, left, blink], [blink, right, blink, up], [left, blink, left, blink]];
  for (const actions of challenges) {
    let now = 1000;
    const photographer = {
      now: () => now,
      waitMs: async (milliseconds: number) => {
        now += milliseconds;
      },
      // A slow phone.
      picture: async () => {
        now += 150;
        return new Blob([`${now}`]);
      },
    };
    const shown: string[] = [];
    const frames = await takeBurst(actions, photographer, (pose) => void shown.push(pose));
    const times = frames.map(({ atMs }) => atMs);
    expect(times[0]).toBe(0);
    expect(times.length).toBeGreaterThanOrEqual(8);
    expect(times.length).toBeLessThanOrEqual(24);
    expect(times.at(-1)).toBeLessThan(30_000);
    expect(Math.max(...times.slice(1).map((time, index) => time - times[index]!))).toBeLessThan(3000);
    // It begins straight, comes back after each action, and ends straight.
    expect(shown).toEqual(["straight", ...actions.flatMap((action) => [action, "straight"])]);
    // The service takes the median of all pictures for the face at rest: no one pose may be most of them.
    const ofPose = (pose: string) => stepsOf(actions).flatMap((step) => (step.pose === pose ? step.atMs : [])).length;
    for (const action of actions) {
      expect(ofPose(action)).toBeLessThan(frames.length / 2);
    }
  }
});

test("who packs pictures slowly takes the next ones in time", async () => {
  let now = 0;
  const unpacked: (() => void)[] = [];
  const photographer = {
    now: () => now,
    waitMs: async (milliseconds: number) => {
      now += milliseconds;
    },
    picture: () => {
      const picture = new Promise<Blob>((resolve) => unpacked.push(() => resolve(new Blob())));
      // None is there before the last was taken.
      if (unpacked.length === stepsOf(["blink"]).flatMap(({ atMs }) => atMs).length) {
        now += 60_000;
        unpacked.forEach((pack) => pack());
      }
      return picture;
    },
  };
  const burst = await takeBurst(["blink"], photographer, () => {});
  expect(burst).toHaveLength(unpacked.length);
  expect(burst.at(-1)!.atMs).toBeLessThan(30_000);
});

test("too many requests of an address are waited for, those of one card are told", async () => {
  const waits: number[] = [];
  const given = [problem(429, "rate-limited", {}, 7), problem(429, "too-many-failures", {}, 60)];
  const request = async () => {
    const response = given.shift()!;
    return { error: (await response.json()) as unknown, response };
  };
  await expect(persist(request, async (seconds) => void waits.push(seconds))).rejects.toMatchObject({ slug: "too-many-failures", waitS: 60 });
  expect(waits).toEqual([7]);
});

describe("the camera", () => {
  const failing = (name: string, userAgent = "Safari") => ({
    userAgent,
    mediaDevices: { getUserMedia: () => Promise.reject<MediaStream>(new DOMException("", name)) },
  });

  test.each([
    [failing("NotFoundError"), "no-camera"],
    [failing("NotAllowedError"), "not-allowed"],
    [failing("NotReadableError"), "camera-busy"],
    [failing("NotAllowedError", "Mozilla/5.0 (iPhone) AppleWebKit Line/14.1.0"), "in-app-browser"],
    [{ userAgent: "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A; wv) Chrome/130" }, "in-app-browser"],
    [{ userAgent: "Firefox" }, "no-camera"],
  ])("%j: %s", async (navigator, fault) => {
    await expect(openCamera(navigator)).rejects.toEqual(new CameraRefused(fault as never));
  });
});
