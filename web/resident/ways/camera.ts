/** The camera for the face: pictures as JPEG in memory, stored nowhere. */

import { CameraRefused, drawn, openCamera as open, type Seeing } from "@tsukuba-evote/shared/camera";

export { type CameraFault, CameraRefused, closeCamera } from "@tsukuba-evote/shared/camera";

const JPEG_QUALITY = 0.85;
/** Of the longer side, in pixels: sharp enough for the engine, far below 768 KB a picture. */
const LONGEST_SIDE = 960;

/** The front camera, on. @throws CameraRefused */
export function openCamera(navigator: Seeing): Promise<MediaStream> {
  return open(navigator, "user", LONGEST_SIDE);
}

/** One picture of what the video shows at the call. */
export function picture(video: HTMLVideoElement): Promise<Blob> {
  const canvas = drawn(video, LONGEST_SIDE);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new CameraRefused("camera-busy")) : resolve(blob)), "image/jpeg", JPEG_QUALITY);
  });
}
