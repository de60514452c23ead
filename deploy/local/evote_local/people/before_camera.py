"""Somebody before a browser's camera: a *mock at the edge*, which is the camera and nothing behind it.

What a resident is asked to do is random, so no film can be made beforehand. A picture of each pose is made before the
page is opened; in the page they take turns as its words ask for them, which is all that a person goes by.
"""

from __future__ import annotations

import base64
import json
from typing import Final

from playwright.sync_api import BrowserContext

from .face import GESTURES
from .puppet import Puppet, encode

_POSES: Final = {
    "まっすぐカメラを見てください。": "straight",
    "顔をゆっくり左に向けてください。": "turn-left",
    "顔をゆっくり右に向けてください。": "turn-right",
    "顔をゆっくり上に向けてください。": "look-up",
    "目を一秒ほど閉じてください。": "blink",
}
"""By the words that the page shows in Japanese."""

_CAMERA: Final = """
const poses = POSES;
const picture = (text) =>
  createImageBitmap(new Blob([Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))], { type: "image/jpeg" }));
navigator.mediaDevices.getUserMedia = async () => {
  const pictures = new Map(
    await Promise.all(Object.entries(poses).map(async ([words, text]) => [words, await picture(text)])),
  );
  const [rest] = pictures.values();
  const canvas = Object.assign(document.createElement("canvas"), { width: rest.width, height: rest.height });
  const pen = canvas.getContext("2d");
  const draw = () => {
    pen.drawImage(pictures.get(document.querySelector(".pose")?.innerText.trim()) ?? rest, 0, 0);
    // A camera's noise: no two frames are the same bytes.
    for (let dot = 0; dot < 300; dot += 1) {
      pen.fillStyle = `rgb(${Math.random() * 255} 0 0 / 5%)`;
      pen.fillRect(Math.random() * canvas.width, Math.random() * canvas.height, 2, 2);
    }
  };
  draw();
  setInterval(draw, 40);
  const stream = canvas.captureStream(25);
  window.cameras = [...(window.cameras ?? []), stream.getTracks()[0]];
  return stream;
};
"""


def sit_before(context: BrowserContext, puppet: Puppet) -> None:
    """From the next page on the context's camera sees the puppet, which does what the page's words ask for.

    The page's `cameras` are those that were opened, so that a test sees whether they are off again.
    """
    pictures = {
        words: base64.b64encode(encode(puppet.frame(GESTURES[pose]))).decode() for words, pose in _POSES.items()
    }
    context.add_init_script(_CAMERA.replace("POSES", json.dumps(pictures)))
