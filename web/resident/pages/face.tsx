/** The way in by voting code and face. */

import { ErrorSummary, Status } from "@tsukuba-evote/shared/pages";
import { Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { Refused } from "../vote/retrying.ts";
import { slugOfError } from "../vote/session.ts";
import type { Burst, Pose } from "../ways/burst.ts";
import { CameraRefused, type CameraFault } from "../ways/camera.ts";
import type { Action, Order, Verification } from "../ways/face.ts";
import { type CodeFault, grouped, readVotingCode } from "../ways/voting_code.ts";
import type { Words } from "../words/index.ts";
import { adviceOf, FACE_REASONS } from "../words/problems.ts";
import { Page } from "./page.tsx";
import { useWords } from "./surroundings.ts";
import { type Trouble, TroubleText } from "./trouble.tsx";

/** A camera that is on: what it sees is shown in the video, and taken as pictures. */
export interface Camera {
  readonly show: (video: HTMLVideoElement) => Promise<void>;
  readonly burst: (actions: readonly Action[], tell: (pose: Pose, step: number, steps: number) => void) => Promise<Burst>;
  readonly close: () => void;
}

export interface FacePageProps {
  /** From the QR code of the letter; the voter sees it before it is sent. */
  readonly votingCode: string | null;
  readonly order: (code: string, signal: AbortSignal) => Promise<Order>;
  readonly openCamera: () => Promise<Camera>;
  readonly begin: (order: Order, signal: AbortSignal) => Promise<Verification>;
  readonly release: (order: Order, verification: Verification, burst: Burst, signal: AbortSignal) => Promise<string>;
  readonly identified: (credential: string) => void;
  readonly others: VNode;
}

type FaceView =
  | { readonly is: "code"; readonly fault: CodeFault | null; readonly trouble: Trouble | null }
  | { readonly is: "ordered"; readonly order: Order; readonly trouble: Trouble | CameraFault | null; readonly refused: Refused | null }
  | { readonly is: "before-camera"; readonly pose: Pose; readonly step: number; readonly steps: number }
  | { readonly is: "judging" };

export function FacePage(props: FacePageProps): VNode {
  const words = useWords();
  const [view, setView] = useState<FaceView>({ is: "code", fault: null, trouble: null });
  const [typed, setTyped] = useState(props.votingCode === null ? "" : grouped(props.votingCode));
  const [left] = useState(() => new AbortController());
  const videoArrived = useRef<(video: HTMLVideoElement) => void>(() => {});
  useEffect(
    () => () => {
      left.abort();
    },
    [],
  );

  const arrived = useCallback((video: HTMLVideoElement | null) => {
    if (video !== null) {
      videoArrived.current(video);
    }
  }, []);

  const ask = async () => {
    const read = readVotingCode(typed);
    if ("fault" in read) {
      setView({ is: "code", fault: read.fault, trouble: null });
      return;
    }
    try {
      setView({ is: "judging" });
      const order = await props.order(read.code, left.signal);
      setView({ is: "ordered", order, trouble: null, refused: null });
    } catch (error) {
      settle(error, (trouble) => ({ is: "code", fault: null, trouble }));
    }
  };
  const show = async (order: Order) => {
    let camera: Camera | null = null;
    try {
      // First the camera: without one no attempt is taken.
      const opened = await props.openCamera();
      camera = opened;
      // Who goes back while the camera is on is not filmed any more.
      left.signal.addEventListener("abort", opened.close);
      left.signal.throwIfAborted();
      // The video is there only after the page was drawn anew.
      const video = new Promise<HTMLVideoElement>((resolve, reject) => {
        videoArrived.current = resolve;
        left.signal.addEventListener("abort", reject);
      });
      setView({ is: "before-camera", pose: "straight", step: 0, steps: 0 });
      await camera.show(await video);
      const verification = await props.begin(order, left.signal);
      const burst = await camera.burst(verification.actions, (pose, step, steps) => {
        setView({ is: "before-camera", pose, step, steps });
      });
      camera.close();
      setView({ is: "judging" });
      props.identified(await props.release(order, verification, burst, left.signal));
    } catch (error) {
      if (error instanceof CameraRefused) {
        setView({ is: "ordered", order, trouble: error.fault, refused: null });
      } else {
        settle(error, (trouble) =>
          adviceOf(trouble.slug) === "faceRefused" || adviceOf(trouble.slug) === "later"
            ? { is: "ordered", order, trouble, refused: error instanceof Refused ? error : null }
            : { is: "code", fault: null, trouble },
        );
      }
    } finally {
      // Whatever happened: nobody looks on.
      camera?.close();
    }
  };
  const settle = (error: unknown, to: (trouble: Trouble) => FaceView) => {
    if (!left.signal.aborted) {
      const receptionNumber = error instanceof Refused ? error.receptionNumber : null;
      setView(to({ slug: slugOfError(error), receptionNumber }));
    }
  };

  return (
    <Page title={words.face.title} voted="not-yet" part={view.is}>
      {view.is === "code" ? (
        <CodeForm typed={typed} setTyped={setTyped} fault={view.fault} trouble={view.trouble} submit={() => void ask()} />
      ) : null}
      {view.is === "ordered" ? (
        <>
          <Fault trouble={view.trouble} />
          {view.refused === null ? null : <WhatWasSeen refused={view.refused} />}
          <p>
            <Text of={words.face.explain} />
          </p>
          <button type="button" onClick={() => void show(view.order)}>
            <Text of={words.face.start} />
          </button>
        </>
      ) : null}
      {view.is === "before-camera" ? (
        <div class="camera">
          <p class="pose" role="status">
            <Text of={poseOf(view.pose, words)} />
          </p>
          <div class="viewfinder">
            {/* Only what the voter does is seen here: no sound, no recording. */}
            <video ref={arrived} autoPlay muted playsInline aria-hidden="true" />
            <div class="outline" />
          </div>
          <p>
            <Text of={words.face.outline} />
          </p>
          {view.steps === 0 ? null : (
            <p>
              <Text of={words.face.step(view.step, view.steps)} />
            </p>
          )}
        </div>
      ) : null}
      {view.is === "judging" ? (
        <Status>
          <Text of={words.face.judging} />
        </Status>
      ) : null}
      {view.is === "code" || view.is === "ordered" ? props.others : null}
    </Page>
  );
}

interface CodeFormProps {
  readonly typed: string;
  readonly setTyped: (typed: string) => void;
  readonly fault: CodeFault | null;
  readonly trouble: Trouble | null;
  readonly submit: () => void;
}

function CodeForm({ typed, setTyped, fault, trouble, submit }: CodeFormProps): VNode {
  const words = useWords();
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {fault === null ? null : <ErrorSummary message={faultOf(fault, words)} field="voting-code" />}
      {trouble === null ? null : <TroubleText trouble={trouble} />}
      <label for="voting-code">
        <Text of={words.face.code} />
      </label>
      <p id="voting-code-hint">
        <Text of={words.face.codeHint} />
      </p>
      <input
        id="voting-code"
        type="text"
        // Nothing that a browser or a keyboard would remember.
        autoComplete="off"
        autoCapitalize="characters"
        spellcheck={false}
        value={typed}
        aria-invalid={fault === null ? undefined : "true"}
        aria-describedby="voting-code-hint"
        onInput={(event) => {
          setTyped(event.currentTarget.value);
        }}
      />
      <div class="buttons">
        <button type="submit">
          <Text of={words.face.codeNext} />
        </button>
      </div>
    </form>
  );
}

function Fault({ trouble }: { readonly trouble: Trouble | CameraFault | null }): VNode | null {
  const words = useWords();
  if (trouble === null) {
    return null;
  }
  return typeof trouble === "string" ? (
    <p class="trouble" role="alert">
      <Text of={cameraFaultOf(trouble, words)} />
    </p>
  ) : (
    <TroubleText trouble={trouble} />
  );
}

/** Why a face was refused, and how often it may be tried again. */
function WhatWasSeen({ refused }: { readonly refused: Refused }): VNode {
  const { face } = useWords();
  const reason = refused.reason === null ? undefined : FACE_REASONS[refused.reason];
  return (
    <>
      {reason === undefined ? null : (
        <p>
          <Text of={face.reason[reason]} />
        </p>
      )}
      {refused.attemptsLeft === null ? null : (
        <p>
          <Text of={face.attemptsLeft(refused.attemptsLeft)} />
        </p>
      )}
    </>
  );
}

function faultOf(fault: CodeFault, { face }: Words): string {
  const words: Readonly<Record<CodeFault, string>> = {
    empty: face.codeEmpty,
    "strange-character": face.codeStrange,
    "too-short": face.codeShort,
    "too-long": face.codeLong,
    mistyped: face.codeMistyped,
  };
  return words[fault];
}

function cameraFaultOf(fault: CameraFault, { face }: Words): string {
  const words: Readonly<Record<CameraFault, string>> = {
    "no-camera": face.noCamera,
    "in-app-browser": face.inApp,
    "not-allowed": face.notAllowed,
    "camera-busy": face.cameraBusy,
  };
  return words[fault];
}

function poseOf(pose: Pose, { face }: Words): string {
  const words: Readonly<Record<Pose, string>> = {
    straight: face.straight,
    "turn-left": face.turnLeft,
    "turn-right": face.turnRight,
    "look-up": face.lookUp,
    blink: face.blink,
  };
  return words[pose];
}
