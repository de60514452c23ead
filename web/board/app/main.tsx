/** Wiring: the address, the city's configuration, the browser. */

import "@digital-go-jp/design-tokens/dist/tokens.css";
import "@tsukuba-evote/shared/look/page.css";
import "../look/board.css";

import { connectPublic } from "@tsukuba-evote/shared/api";
import { openScanner } from "@tsukuba-evote/shared/scan";
import { languageOf } from "@tsukuba-evote/shared/words";
import { render } from "preact";

import { CATALOGUES } from "../words/index.ts";
import { readAddress } from "./address.ts";
import { App } from "./app.tsx";
import { readConfig } from "./config.ts";

const root = document.getElementById("root")!;

async function start(): Promise<void> {
  // As the page preloads it: asked for in another way, it would be fetched twice. The edge says that it is to be compared each time.
  const response = await fetch("/config.json");
  const config = readConfig(await response.json());
  const query = new URLSearchParams(window.location.search);
  root.replaceChildren();
  render(
    <App
      language={languageOf(query.get("lang"), navigator)}
      helpdesk={config.helpdesk}
      around={{
        address: readAddress(query),
        services: connectPublic(config.services, (request) => fetch(request)),
        receiptKey: config.receiptKey,
        policy: config.policy,
        seen: document,
        pause: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
        openScanner: () =>
          openScanner(navigator, () => new Worker(new URL("@tsukuba-evote/shared/scan/entry", import.meta.url), { type: "module" })),
        tallyUrl: config.services.tally,
      }}
      tellLanguage={(chosen) => {
        const url = new URL(window.location.href);
        url.searchParams.set("lang", chosen);
        window.history.replaceState(window.history.state, "", url.href);
      }}
    />,
    root,
  );
}

start().catch(() => {
  // Nothing is known of the city yet: words without a frame.
  root.textContent = `${CATALOGUES.ja.notConfigured} ${CATALOGUES.en.notConfigured}`;
});
