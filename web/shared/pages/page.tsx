/** The frame of each page: title, language, the heading that has the focus, and where to get help. */

import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import { FRAME_WORDS, LANGUAGES } from "../words/index.ts";
import { plain, Text } from "../words/ruby.tsx";
import { useAround } from "./surroundings.ts";

interface PageProps {
  /** The heading, and the window's title. */
  readonly title: string;
  /** What nobody may miss, above the page and first in the window's title; `null`: nothing. */
  readonly notice: string | null;
  /**
   * Which part of the page is shown, where parts take turns: with each the heading gets the focus. Not with the words: who changes
   * the language stays where they are.
   */
  readonly part?: string;
  readonly children: ComponentChildren;
}

/** A page with a heading of its own. */
export function Page({ title, notice, part, children }: PageProps): VNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    heading.current?.focus();
  }, [part]);
  return (
    <Frame title={title} notice={notice}>
      <h1 ref={heading} tabIndex={-1}>
        <Text of={title} />
      </h1>
      {children}
    </Frame>
  );
}

/** A page whose heading stands elsewhere: in the legend of a question. */
export function Frame({ title, notice, children }: PageProps): VNode {
  const { language, setLanguage, helpdesk } = useAround();
  const words = FRAME_WORDS[language];
  useLayoutEffect(() => {
    document.title = [...(notice === null ? [] : [notice]), title, words.service].map(plain).join(" – ");
    document.documentElement.lang = language === "en" ? "en" : "ja";
  }, [title, notice, language]);
  return (
    <>
      <a class="skip" href="#main" onClick={focusMain}>
        <Text of={words.skip} />
      </a>
      <header class="top">
        <p class="service">
          <Text of={words.service} />
        </p>
        <nav aria-label={plain(words.language)}>
          <ul class="languages">
            {LANGUAGES.map(({ language: other, name, lang }) => (
              <li key={other}>
                <button
                  type="button"
                  lang={lang}
                  aria-current={other === language ? "true" : undefined}
                  onClick={() => {
                    setLanguage(other);
                  }}
                >
                  {name}
                </button>
              </li>
            ))}
          </ul>
        </nav>
      </header>
      <main id="main" tabIndex={-1}>
        {notice === null ? null : (
          <p class="notice">
            <Text of={notice} />
          </p>
        )}
        {children}
      </main>
      <footer>
        <h2>
          <Text of={words.helpdesk} />
        </h2>
        <p lang="ja">{helpdesk}</p>
      </footer>
    </>
  );
}

/** Not by the fragment: it would stand in the address and in the history. */
function focusMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** What is wrong with what the voter entered, at the top of the form; takes the focus. */
export function ErrorSummary({ message, field }: { readonly message: string; readonly field: string }): VNode {
  const words = FRAME_WORDS[useAround().language];
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    box.current?.focus();
  }, [message]);
  return (
    <div class="errors" role="alert" tabIndex={-1} ref={box}>
      <h2>
        <Text of={words.errorSummary} />
      </h2>
      <p>
        <button
          type="button"
          class="link"
          onClick={() => {
            document.getElementById(field)?.focus();
          }}
        >
          <Text of={message} />
        </button>
      </p>
    </div>
  );
}

/** What goes on while the voter waits: read aloud, and standing there. */
export function Status({ children }: { readonly children: ComponentChildren }): VNode {
  return (
    <div class="status" role="status">
      {children}
    </div>
  );
}
