/** Wiring: the address, the city's configuration, the browser. */

import "@digital-go-jp/design-tokens/dist/tokens.css";
import "@tsukuba-evote/shared/look/page.css";
import "../look/city.css";

import { render } from "preact";

import { Wall } from "../pages/wall.tsx";
import { CATALOGUES, languageOf } from "../words/index.ts";
import { readConfig } from "./config.ts";
import { openBell } from "./bell.ts";

const root = document.getElementById("root")!;

async function start(): Promise<void> {
  const response = await fetch("/config.json");
  const config = readConfig(await response.json());
  root.replaceChildren();
  render(
    <Wall
      language={languageOf(new URLSearchParams(window.location.search).get("lang"))}
      config={config}
      outside={{
        fetch: (...request) => fetch(...request),
        clock: () => Date.now(),
        seen: document,
        pause: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
        memory: window.sessionStorage,
        openBell,
      }}
      tellLanguage={(chosen) => {
        const url = new URL(window.location.href);
        url.searchParams.set("lang", chosen);
        window.history.replaceState(null, "", url.href);
      }}
    />,
    root,
  );
}

start().catch(() => {
  root.textContent = `${CATALOGUES.ja.notConfigured} ${CATALOGUES.en.notConfigured}`;
});
