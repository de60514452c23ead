/** Wiring only: the window, the worker, the services of the city's configuration. */

import { languageOf } from "@tsukuba-evote/shared/words";
import "@digital-go-jp/design-tokens/dist/tokens.css";
import "@tsukuba-evote/shared/look/page.css";

import { connect } from "@tsukuba-evote/shared/api";
import { systemRandom } from "@tsukuba-evote/shared/belenios";
import { startProtocol } from "@tsukuba-evote/shared/worker";
import { render } from "preact";

import type { VoteProps } from "../pages/vote.tsx";
import type { Way } from "../vote/machine.ts";
import { followProgress } from "../vote/progress.ts";
import { Keeper, tabStorage } from "../vote/kept.ts";
import { Session } from "../vote/session.ts";
import { AgentRefused, CardAgent } from "../ways/agent.ts";
import { takeBurst } from "../ways/burst.ts";
import { closeCamera, openCamera, picture } from "../ways/camera.ts";
import { releaseByCard } from "../ways/card.ts";
import { beginVerification, orderByCode, releaseByFace } from "../ways/face.ts";
import { beginByPhone, releaseByPhone } from "../ways/phone.ts";
import { CATALOGUES } from "../words/index.ts";
import { arrive } from "./address.ts";
import { App } from "./app.tsx";
import { type Config, readConfig } from "./config.ts";
import type { Published } from "./election.ts";
import { Patience } from "./patience.ts";
import { followHistory } from "./places.ts";

// Before anything else: what the fragment holds leaves the address bar.
const arrival = arrive(window);
const root = document.getElementById("root")!;
const left = new AbortController();
const patience = new Patience(window, left.signal);

async function start(): Promise<void> {
  // As the page preloads it: asked for in another way, it would be fetched twice. The edge says that it is to be compared each time.
  const response = await fetch("/config.json");
  const config = readConfig(await response.json());
  const services = connect(config.services, (request) => fetch(request));
  const language = languageOf(new URL(window.location.href).searchParams.get("lang"), navigator);
  root.replaceChildren();
  render(
    <App
      services={services}
      electionUuid={arrival.electionUuid}
      helpdesk={config.helpdesk}
      language={language}
      wait={patience.wait}
      vote={(published) => voteIn(published, config, services)}
      tellLanguage={(chosen) => {
        const url = new URL(window.location.href);
        url.searchParams.set("lang", chosen);
        window.history.replaceState(window.history.state, "", url.href);
      }}
    />,
    root,
  );
}

function voteIn({ notice, rollSize, election }: Published, config: Config, services: ReturnType<typeof connect>): VoteProps | null {
  if (election === null) {
    return null;
  }
  const { uuid } = election;
  const { receiptKey, logKey, card, codeKey, phoneApp, checkPage } = config;
  const worker = new Worker(new URL("@tsukuba-evote/shared/worker/entry", import.meta.url), { type: "module" });
  const { wait } = patience;
  const session = new Session({
    election,
    rollSize,
    services,
    protocol: startProtocol(worker),
    keeper: new Keeper(tabStorage(window)),
    receiptKey,
    logKey,
    wait,
    signal: left.signal,
  });
  followHistory(window, session);
  warnBeforeLeaving(session);
  session.resume();
  if (arrival.phone !== null && phoneApp !== null) {
    session.send({ type: "way-chosen", way: "phone" });
  }
  const agent = arrival.pairing === null ? null : new CardAgent(arrival.pairing, (url, init) => fetch(url, init));
  const ways: readonly Way[] = [
    ...(phoneApp === null ? [] : (["phone"] as const)),
    ...(card ? (["card"] as const) : []),
    ...(codeKey === null ? [] : (["face"] as const)),
  ];
  const faceWay = (signal: AbortSignal) => ({
    services,
    electionUuid: uuid,
    codeKey: codeKey!,
    random: systemRandom,
    wait,
    signal,
  });
  return {
    session,
    notice,
    ways,
    checkPage,
    phone: {
      returned: arrival.phone,
      leave: async (tell, signal) => {
        window.location.assign(await beginByPhone(uuid, phoneApp!, systemRandom, { services, wait, tell, signal }));
      },
      release: ({ state, code }, tell, signal) => releaseByPhone(state, code, { services, wait, tell, signal }),
    },
    card: {
      look: agent === null ? null : (signal) => agent.status(signal),
      release: (tell, signal) => {
        if (agent === null) {
          return Promise.reject(new AgentRefused("pairing-refused"));
        }
        return releaseByCard({ services, electionUuid: uuid, agent, random: systemRandom, wait, tell, signal });
      },
    },
    face: {
      votingCode: arrival.votingCode,
      order: (code, signal) => orderByCode(code, faceWay(signal)),
      openCamera: async () => {
        const stream = await openCamera(navigator);
        let video: HTMLVideoElement | null = null;
        return {
          show: async (element) => {
            video = element;
            element.srcObject = stream;
            await element.play();
          },
          burst: (actions, tell) =>
            takeBurst(
              actions,
              {
                now: () => performance.now(),
                waitMs: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
                picture: () => picture(video!),
              },
              tell,
            ),
          close: () => {
            closeCamera(stream);
          },
        };
      },
      begin: (order, signal) => beginVerification(order, faceWay(signal)),
      release: (order, verification, burst, signal) => releaseByFace(order, verification, burst, faceWay(signal)),
    },
    follow: (tracker, signal, tell) => {
      const waiting = new Patience(window, signal);
      followProgress(services, uuid, tracker, waiting.wait, signal, tell).catch((error: unknown) => {
        if (!signal.aborted) {
          throw error;
        }
      });
    },
    back: () => {
      window.history.back();
    },
    hurry: patience.hurry,
    print: () => {
      window.print();
    },
    reload: () => {
      window.location.reload();
    },
  };
}

/** Who closes the page with answers that are not cast, or while a ballot is on its way, is asked first. */
function warnBeforeLeaving(session: Session): void {
  window.addEventListener("beforeunload", (event) => {
    if (["question", "review", "opened", "casting"].includes(session.state.at)) {
      event.preventDefault();
    }
  });
  window.addEventListener("pagehide", (event) => {
    // A page that the browser keeps for Back goes on when it is shown again.
    if (!event.persisted) {
      left.abort();
    }
  });
}

start().catch(() => {
  // Nothing is known of the city yet: words without a frame.
  root.textContent = `${CATALOGUES.ja.notConfigured} ${CATALOGUES.en.notConfigured}`;
});
