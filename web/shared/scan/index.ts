/**
 * QR codes before a camera, read in a worker.
 *
 *     const scanner = await openScanner(navigator, () => new Worker(new URL("@tsukuba-evote/shared/scan/entry", import.meta.url), { type: "module" }));
 *     await scanner.show(video);
 *     const text = await scanner.read();
 */

import { transfer, wrap } from "comlink";

import { closeCamera, drawn, openCamera, type Seeing } from "../camera/index.ts";
import type { Picture } from "./code.ts";

/** A camera that is on. */
export interface Scanner {
  /** Shows in the video what the camera sees, so that a person can hold the code into it. */
  readonly show: (video: HTMLVideoElement) => Promise<void>;
  /** The code that is seen now; `null`: none. */
  readonly read: () => Promise<string | null>;
  /** Camera and worker end. */
  readonly close: () => void;
}

/** In pixels: an opened ballot's code has some eighty modules a side. */
const LONGEST_SIDE = 1280;

/** @throws CameraRefused, and then no worker was loaded. */
export async function openScanner(navigator: Seeing, load: () => Worker): Promise<Scanner> {
  const stream = await openCamera(navigator, "environment", LONGEST_SIDE);
  const worker = load();
  const { readCode } = wrap<{ readCode: (picture: Picture) => string | null }>(worker);
  let video: HTMLVideoElement | null = null;
  return {
    show: async (element) => {
      element.srcObject = stream;
      await element.play();
      video = element;
    },
    read: async () => {
      if (video === null || video.videoWidth === 0) {
        return null;
      }
      const canvas = drawn(video, LONGEST_SIDE);
      const { width, height, data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      return readCode(transfer({ width, height, data }, [data.buffer]));
    },
    close: () => {
      closeCamera(stream);
      worker.terminate();
    },
  };
}
