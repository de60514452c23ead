/** A device's camera for a page: on when a person asked for it, and off as soon as nobody looks. */

/** Why there is no picture. */
export type CameraFault = "no-camera" | "in-app-browser" | "not-allowed" | "camera-busy";

export class CameraRefused extends Error {
  override readonly name = "CameraRefused";
  readonly fault: CameraFault;

  constructor(fault: CameraFault) {
    super(fault);
    this.fault = fault;
  }
}

/** What of a navigator this needs. */
export interface Seeing {
  readonly userAgent: string;
  readonly mediaDevices?: Pick<MediaDevices, "getUserMedia">;
}

// Browsers inside of apps (LINE, Facebook, Instagram, X, Yahoo! JAPAN; Android's WebView says "; wv") often have no camera for pages.
const IN_APP = /\bLine\/|\bFBA[NV]\/|\bInstagram\b|\bTwitter\b|\bYJApp\b|; wv\)/;

/**
 * A camera, on.
 *
 * @param facing "user": towards whoever looks at the screen.
 * @param longestSide of its picture, in pixels, where it can choose.
 * @throws CameraRefused
 */
export async function openCamera(navigator: Seeing, facing: "user" | "environment", longestSide: number): Promise<MediaStream> {
  const inApp = IN_APP.test(navigator.userAgent);
  if (navigator.mediaDevices === undefined) {
    throw new CameraRefused(inApp ? "in-app-browser" : "no-camera");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: facing, width: { ideal: longestSide }, height: { ideal: longestSide } },
    });
  } catch (error) {
    if (!(error instanceof DOMException)) {
      throw error;
    }
    throw new CameraRefused(inApp ? "in-app-browser" : faultOf(error.name));
  }
}

/** What a video shows now, on a canvas of at most so many pixels a side. */
export function drawn(video: HTMLVideoElement, longestSide: number): HTMLCanvasElement {
  const scale = Math.min(1, longestSide / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d")!.drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The light beside the camera goes out. */
export function closeCamera(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.stop();
  }
}

function faultOf(name: string): CameraFault {
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "not-allowed";
    case "NotReadableError":
    case "AbortError":
      return "camera-busy";
    default:
      return "no-camera";
  }
}
