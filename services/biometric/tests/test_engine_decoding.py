"""Pictures from strangers: taken upright and whole, or refused for a reason, and never at the service's cost."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from evote_biometric.engine.decoding import Decoder, Limits, PictureFault, PictureRefused, decode
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

LIMITS = Limits()
ORIENTATION = 0x0112
CORNER = (200, 40, 40)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(LIMITS) as one:
        yield one


def picture(width: int = 320, height: int = 240, mode: str = "RGB") -> Image.Image:
    """Grey noise with a red upper left corner."""
    noise = np.random.default_rng(1).integers(90, 110, (height, width, 3), dtype=np.uint8)
    noise[: height // 2, : width // 2] = CORNER
    return Image.fromarray(noise).convert(mode)


def saved(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def refusal(decoder: Decoder, content: bytes) -> PictureFault:
    with pytest.raises(PictureRefused) as refused:
        decoder.decode(content)
    return refused.value.fault


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_whatever_its_exif_orientation(decoder: Decoder, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = picture() if orientation == 1 else picture().transpose(undo[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    decoded = decoder.decode(saved(stored, exif=exif, quality=95))
    assert (decoded.sent_width, decoded.sent_height) == (320, 240)
    assert decoded.pixels.shape == (240, 320, 3)
    assert np.abs(decoded.pixels[20, 20].astype(int) - CORNER).max() < 30
    assert np.abs(decoded.pixels[220, 300].astype(int) - 100).max() < 30


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "RGB")])
def test_colours_survive_whatever_the_colour_space(decoder: Decoder, kind: str, mode: str) -> None:
    decoded = decoder.decode(saved(picture(mode=mode), kind))
    assert decoded.pixels.dtype == np.uint8
    assert np.abs(decoded.pixels[20, 20].astype(int) - CORNER).max() < 40


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "L"), ("PNG", "L"), ("PNG", "1"), ("PNG", "LA")])
def test_grey_becomes_rgb(decoder: Decoder, kind: str, mode: str) -> None:
    pixels = decoder.decode(saved(picture(mode=mode), kind)).pixels
    assert pixels.shape == (240, 320, 3)
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_sixteen_bits_are_scaled_and_not_clipped(decoder: Decoder) -> None:
    levels = np.full((200, 200), 100 * 256, np.uint16)
    assert decoder.decode(saved(Image.fromarray(levels), "PNG")).pixels[50, 50].tolist() == [100, 100, 100]


def test_what_is_transparent_lies_on_white(decoder: Decoder) -> None:
    clear = Image.new("RGBA", (200, 200), (10, 20, 30, 0))
    assert decoder.decode(saved(clear, "PNG")).pixels[50, 50].tolist() == [255, 255, 255]


def test_metadata_changes_no_pixel(decoder: Decoder) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain, laden = saved(picture()), saved(picture(), exif=exif, icc_profile=profile, comment=b"home")
    assert (decoder.decode(plain).pixels == decoder.decode(laden).pixels).all()


def test_fifty_megapixels_are_taken_and_scaled_down(decoder: Decoder) -> None:
    decoded = decoder.decode(saved(Image.new("RGB", (8192, 6100), "grey"), quality=50))
    assert (decoded.sent_width, decoded.sent_height) == (8192, 6100)
    assert max(decoded.pixels.shape) <= LIMITS.longest_side_kept


def test_more_than_fifty_megapixels_are_refused_by_their_header(decoder: Decoder) -> None:
    assert refusal(decoder, saved(Image.new("L", (8192, 6200)))) is PictureFault.TOO_MANY_PIXELS
    assert refusal(decoder, png(60_000, 60_000, zlib.compress(b""))) is PictureFault.TOO_MANY_PIXELS


def test_a_bomb_kills_its_own_process_at_most_and_the_next_picture_is_decoded() -> None:
    bomb = png(7000, 7000, zlib.compress(bytes(7000 * 7000 * 3 + 7000), 9))
    assert len(bomb) < 200_000
    with Decoder(Limits(memory_bytes=64 * 1024 * 1024)) as decoder:
        assert refusal(decoder, bomb) is PictureFault.TOO_COSTLY
        assert decoder.decode(saved(picture())).pixels.shape == (240, 320, 3)


def test_a_picture_that_takes_too_long_is_given_up_and_the_next_is_decoded() -> None:
    slow = png(7000, 7000, zlib.compress(bytes(7000 * 7000 * 3 + 7000), 9))
    with Decoder(Limits(wall_s=0.05)) as decoder:
        with pytest.raises(PictureRefused) as refused:
            decoder.decode(slow)
        assert refused.value.fault is PictureFault.TOO_COSTLY
    with Decoder(LIMITS) as decoder:
        assert decoder.decode(saved(picture())).sent_width == 320


def test_text_chunks_that_unpack_to_gigabytes_are_refused(decoder: Decoder) -> None:
    packed = zlib.compress(bytes(100 * 1024 * 1024), 9)
    whole = saved(picture(), "PNG")
    end = whole.rindex(b"IDAT") - 4
    laden = whole[:end] + chunk(b"zTXt", b"Comment\0\0" + packed) + whole[end:]
    assert refusal(decoder, laden) is PictureFault.BROKEN


def frames(kind: str) -> bytes:
    return saved(picture(), kind, save_all=True, append_images=[picture().rotate(180)], duration=100)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", PictureFault.EMPTY),
        (bytes(LIMITS.content_bytes + 1), PictureFault.TOO_MANY_BYTES),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", PictureFault.WRONG_FORMAT),
        (b"%PDF-1.7", PictureFault.WRONG_FORMAT),
        (frames("GIF"), PictureFault.WRONG_FORMAT),
        (frames("WEBP"), PictureFault.WRONG_FORMAT),
        (saved(picture(), "BMP"), PictureFault.WRONG_FORMAT),
        (saved(picture(), "TIFF"), PictureFault.WRONG_FORMAT),
        (frames("PNG"), PictureFault.ANIMATED),
        (saved(picture(99, 200)), PictureFault.TOO_SMALL),
        (png(0, 0, b""), PictureFault.BROKEN),
        (b"\xff\xd8\xff", PictureFault.BROKEN),
        (saved(picture())[:-600], PictureFault.BROKEN),
        (saved(picture(), "PNG")[:-6000], PictureFault.BROKEN),
        (saved(picture(), "PNG")[:8] + saved(picture()), PictureFault.BROKEN),
    ],
    ids=lambda value: value.value if isinstance(value, PictureFault) else "",
)
def test_what_is_no_single_whole_picture_is_refused_for_its_reason(
    decoder: Decoder, content: bytes, fault: PictureFault
) -> None:
    assert refusal(decoder, content) is fault


@settings(max_examples=150)
@given(st.sampled_from(["JPEG", "PNG"]), st.integers(1, 40), st.integers(0, 2**32), st.floats(0, 1))
def test_a_mangled_file_is_decoded_or_refused_and_nothing_else_happens(
    kind: str, changes: int, seed: int, keep: float
) -> None:
    chance = random.Random(seed)
    content = bytearray(saved(picture(), kind))
    for _ in range(changes):
        content[chance.randrange(len(content))] = chance.randrange(256)
    try:
        decoded = _SHARED.decode(bytes(content[: int(len(content) * keep) + 1]))
    except PictureRefused as refused:
        assert refused.fault is not PictureFault.TOO_COSTLY
    else:
        assert decoded.pixels.shape[2] == 3


_SHARED = Decoder(LIMITS)


def test_one_picture_can_be_decoded_in_a_process_of_its_own() -> None:
    assert decode(saved(picture()), LIMITS).pixels.shape == (240, 320, 3)


def test_a_picture_does_not_print_its_pixels(decoder: Decoder) -> None:
    assert repr(decoder.decode(saved(picture()))) == "Picture(sent_width=320, sent_height=240)"
