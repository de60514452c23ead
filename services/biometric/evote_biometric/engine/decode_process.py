"""The process that decodes pictures: reads length and file, answers with a line of facts and the pixels.

It imports no model, holds no secret and can open nothing: a parser that a picture takes over is alone with it.
The system kills it when a picture takes too much processor time.
"""

from __future__ import annotations

import codecs
import io
import resource
import sys
import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin

from evote_biometric.engine.confinement import confine
from evote_biometric.engine.decoding import DecodeAnswer, Limits, PictureFault, PictureRefused

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def main() -> None:
    """Decode one picture after the other until the input ends."""
    limits = _limits(sys.argv[1:])
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = limits.pixels
    _load_what_decoding_loads_late()
    memory = _address_space() + limits.memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    confine()
    while header := source.read(8):
        _allow_cpu(limits.cpu_s)
        _answer(source.read(int.from_bytes(header, "big")), limits, sink)


def _answer(content: bytes, limits: Limits, sink: BinaryIO) -> None:
    pixels = b""
    try:
        image, (sent_width, sent_height) = read_image(content, limits)
        pixels = image.tobytes()
        answer = DecodeAnswer(width=image.width, height=image.height, sent_width=sent_width, sent_height=sent_height)
    except PictureRefused as refused:
        answer = DecodeAnswer(fault=refused.fault)
    except MemoryError:
        answer = DecodeAnswer(fault=PictureFault.TOO_COSTLY)
    line = answer.model_dump_json().encode()
    sink.write(len(line).to_bytes(4, "big") + line)
    sink.write(pixels)
    sink.flush()


def read_image(content: bytes, limits: Limits) -> tuple[Image.Image, tuple[int, int]]:
    """The upright RGB image, scaled down to the limits, and its size as it was sent.

    Raises:
        PictureRefused: it isn't taken.
    """
    if not content.startswith((_JPEG, _PNG)):
        raise PictureRefused(PictureFault.WRONG_FORMAT)
    try:
        return _read(content, limits)
    except (PictureRefused, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureRefused(PictureFault.TOO_MANY_PIXELS) from None
    except Exception:
        # Pillow's parsers raise whatever a mangled file leads them to: OSError, SyntaxError, struct.error, …
        raise PictureRefused(PictureFault.BROKEN) from None


def _read(content: bytes, limits: Limits) -> tuple[Image.Image, tuple[int, int]]:
    image: Image.Image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))
    if image.format == "PNG" and getattr(image, "is_animated", False):
        raise PictureRefused(PictureFault.ANIMATED)
    if min(image.size) < limits.shortest_side:
        raise PictureRefused(PictureFault.TOO_SMALL)
    sent = image.size
    keep = (limits.longest_side_kept, limits.longest_side_kept)
    image.draft("RGB", keep)  # libjpeg decodes large pictures at a half, a quarter or an eighth
    image.load()
    image.thumbnail(keep)
    upright = ImageOps.exif_transpose(image)
    turned = (upright.width > upright.height) != (image.width > image.height)
    return _to_rgb(upright), (sent[1], sent[0]) if turned else sent


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits: convert() would clip instead of scaling
        return image.convert("I").point(lambda level: level * (1 / 256)).convert("L").convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _load_what_decoding_loads_late() -> None:
    """Modules and codecs that Pillow looks for when a file asks for them, which is too late then."""
    Image.preinit()
    assert all((JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin))  # noqa: S101 - loaded above
    for codec in ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be"):
        codecs.lookup(codec)
    example = Image.new("RGB", (8, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG"):
        stream = io.BytesIO()
        example.save(stream, kind, exif=exif)
        _to_rgb(ImageOps.exif_transpose(Image.open(io.BytesIO(stream.getvalue()))))


def _allow_cpu(seconds: int) -> None:
    """The limit counts from the process's start, so that each picture moves it on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _address_space() -> int:
    """What interpreter and libraries take before any picture, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _limits(arguments: list[str]) -> Limits:
    given = dict(argument.split("=", 1) for argument in arguments)
    return Limits(
        content_bytes=int(given["content_bytes"]),
        pixels=int(given["pixels"]),
        shortest_side=int(given["shortest_side"]),
        longest_side_kept=int(given["longest_side_kept"]),
        memory_bytes=int(given["memory_bytes"]),
        cpu_s=int(given["cpu_s"]),
        wall_s=float(given["wall_s"]),
    )


if __name__ == "__main__":
    main()
