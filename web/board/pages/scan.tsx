/** A QR code before the camera, in the place of typing: only when asked for, and typing always remains. */

import { type CameraFault, CameraRefused } from "@tsukuba-evote/shared/camera";
import { plain, Text } from "@tsukuba-evote/shared/words";
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { usePublic, useWords } from "./around.ts";

type Scanning = { readonly is: "off" | "opening" | "looking" | "strange" | "taken" } | { readonly is: "refused"; readonly fault: CameraFault };

const EVERY_MS = 120;

/** @param take what becomes of a code; `false`: it isn't one of these, and the camera goes on looking. */
export function Scan({ take }: { readonly take: (code: string) => boolean }): VNode {
  const words = useWords();
  const { openScanner, pause } = usePublic();
  const [scanning, setScanning] = useState<Scanning>({ is: "off" });
  const video = useRef<HTMLVideoElement>(null);
  const left = useRef<AbortController | null>(null);
  const stop = () => {
    left.current?.abort();
  };
  // Who goes to another page leaves no camera on.
  useEffect(() => stop, []);
  const look = async (signal: AbortSignal) => {
    const scanner = await openScanner();
    try {
      if (signal.aborted) {
        return;
      }
      setScanning({ is: "looking" });
      await scanner.show(video.current!);
      while (!signal.aborted) {
        const code = await scanner.read();
        if (code !== null && !signal.aborted) {
          if (take(code)) {
            setScanning({ is: "taken" });
            return;
          }
          setScanning({ is: "strange" });
        }
        await pause(EVERY_MS);
      }
    } finally {
      scanner.close();
    }
  };
  const begin = () => {
    const here = new AbortController();
    left.current = here;
    setScanning({ is: "opening" });
    look(here.signal).catch((error: unknown) => {
      if (here.signal.aborted) {
        return; // it was turned off meanwhile: whatever ended then is no fault
      }
      if (!(error instanceof CameraRefused)) {
        throw error;
      }
      setScanning({ is: "refused", fault: error.fault });
    });
  };
  const isOn = scanning.is === "opening" || scanning.is === "looking" || scanning.is === "strange";
  return (
    <div class="scan">
      {isOn ? (
        <button
          type="button"
          class="secondary"
          onClick={() => {
            stop();
            setScanning({ is: "off" });
          }}
        >
          <Text of={words.scan.stop} />
        </button>
      ) : (
        <button type="button" class="secondary" onClick={begin}>
          <Text of={words.scan.button} />
        </button>
      )}
      <p role="status">
        {scanning.is === "off" || scanning.is === "opening" ? null : (
          <Text of={scanning.is === "refused" ? words.scan.fault[scanning.fault] : words.scan[scanning.is]} />
        )}
      </p>
      {isOn ? <video ref={video} aria-label={plain(words.scan.video)} muted playsInline /> : null}
    </div>
  );
}
