/** The camera: pictures as JPEG in memory, stored nowhere, and off as soon as nobody looks. */

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
const JPEG_QUALITY = 0.85;
/** Of the longer side, in pixels: sharp enough for the engine, far below 768 KB a picture. */
const LONGEST_SIDE = 960;

/** The front camera, on. @throws CameraRefused */
export async function openCamera(navigator: Seeing): Promise<MediaStream> {
  const inApp = IN_APP.test(navigator.userAgent);
  if (navigator.mediaDevices === undefined) {
    throw new CameraRefused(inApp ? "in-app-browser" : "no-camera");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: "user", width: { ideal: LONGEST_SIDE }, height: { ideal: LONGEST_SIDE } },
    });
  } catch (error) {
    if (!(error instanceof DOMException)) {
      throw error;
    }
    throw new CameraRefused(inApp ? "in-app-browser" : faultOf(error.name));
  }
}

/** One picture of what the video shows. */
export async function picture(video: HTMLVideoElement): Promise<Blob> {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d")!.drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new CameraRefused("camera-busy")) : resolve(blob)), "image/jpeg", JPEG_QUALITY);
  });
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
