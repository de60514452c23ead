"""What the face models cost, and why these: ``make bench-face [READS=40]``.

First workers as the service runs them: start, memory, reads one after the other. Then the choices of ADR 11: the side
to which a picture is scaled before faces are looked for, and who aligns the face before it is recognised.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import cv2
import dlib
import numpy as np
from evote_biometric.engine.decoding import Decoder, Limits
from evote_biometric.engine.face_engine import FaceEngine
from evote_biometric.engine.picture import Picture
from evote_biometric.engine.weights import RECOGNITION, install_weights, weight_path
from evote_local.nodes.photographs import fetch_photographs
from evote_local.people.latencies import percentiles
from evote_local.referendum.taken import taken_by

from benchmarks.performance import Row
from benchmarks.tables import Table, tell

WEBCAM_SIDE = 1280
"""Longest side of what a resident's browser sends."""
_FIVE_POINTS = "shape_predictor_5_face_landmarks.dat"


@dataclass(frozen=True)
class Work:
    """What one worker measured."""

    start_s: float
    peak_mib: float
    decode_s: list[float]
    read_s: list[float]


def pictures() -> list[bytes]:
    """The portraits, as a browser would send them."""
    contents = []
    for path in sorted(fetch_photographs().glob("[!c]*/*.jpg")):
        pixels = cv2.imread(str(path))
        assert pixels is not None, f"{path} is no picture"
        scale = min(1.0, WEBCAM_SIDE / max(pixels.shape[:2]))
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        contents.append(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return contents


def work(weights: Path, contents: list[bytes], reads: int) -> Work:
    """One worker's life, in a process of its own."""
    begun = time.perf_counter()
    engine = FaceEngine(weights)
    start_s = time.perf_counter() - begun
    decode_s, read_s = [], []
    with Decoder(Limits()) as decoder:
        decoder.decode(contents[0])
        for number in range(reads):
            begun = time.perf_counter()
            picture = decoder.decode(contents[number % len(contents)])
            decoded = time.perf_counter()
            engine.read(picture)
            decode_s.append(decoded - begun)
            read_s.append(time.perf_counter() - decoded)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Work(start_s, peak_mib, decode_s, read_s)


def workers(weights: Path, contents: list[bytes], reads: int) -> Table:
    rows: list[Row] = []
    for count in (1, 2):
        with multiprocessing.get_context("spawn").Pool(count) as pool:
            done = pool.starmap(work, [(weights, contents, reads)] * count, chunksize=1)
        decode, read = (percentiles([s for one in done for s in getattr(one, part)]) for part in ("decode_s", "read_s"))
        rate = sum(reads / (sum(one.decode_s) + sum(one.read_s)) for one in done)
        start_s, peak_mib = max(one.start_s for one in done), max(one.peak_mib for one in done)
        rows.append([count, start_s, peak_mib, decode.p50_ms, decode.p95_ms, read.p50_ms, read.p95_ms, rate])
    columns = ["workers", "start s", "peak MiB each", "decode p50 ms", "p95", "read p50 ms", "p95", "reads/s"]
    return Table(columns, rows)


def detection(photographs: list[Picture]) -> Table:
    detector, rows = dlib.get_frontal_face_detector(), list[Row]()
    for side in (320, 480, 640, 800, 1200, 1600):
        found, seconds = 0, []
        for picture in photographs:
            scale = min(1.0, side / max(picture.pixels.shape[:2]))
            begun = time.perf_counter()
            small = cv2.resize(picture.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            found += len(detector(small, 0))
            seconds.append(time.perf_counter() - begun)
        rows.append([str(side), found, percentiles(seconds).p50_ms, f"{80 / side:.0%}"])
    return Table(["longest side", "faces found", "p50 ms", "smallest face it finds, share of the side"], rows)


def alignment(people: list[tuple[str, Picture]], engine: FaceEngine) -> Table:
    from deepface import DeepFace

    def whole(picture: Picture) -> np.ndarray:
        found = DeepFace.represent(
            np.ascontiguousarray(picture.pixels[:, :, ::-1]), model_name="Dlib", detector_backend="dlib", max_faces=1
        )
        return np.array(found[0]["embedding"])

    ways: dict[str, Callable[[Picture], np.ndarray]] = {
        "68 points of the mesh, dlib's chip; deepface recognises": lambda picture: np.array(
            engine.read(picture).template
        ),
        "deepface's dlib backend does all of it": whole,
    }
    rows: list[Row] = []
    for name, read in ways.items():
        templates, seconds = [], []
        for person, picture in people:
            begun = time.perf_counter()
            template = read(picture)
            seconds.append(time.perf_counter() - begun)
            templates.append((person, template / np.linalg.norm(template)))
        same = [1 - a[1] @ b[1] for a, b in combinations(templates, 2) if a[0] == b[0]]
        other = [1 - a[1] @ b[1] for a, b in combinations(templates, 2) if a[0] != b[0]]
        rows.append([name, max(same), min(other), min(other) / max(same), percentiles(seconds).p50_ms])
    return Table(["aligned by", "same person, largest", "different, smallest", "ratio", "p50 ms"], rows)


def lend_five_points(weights: Path) -> None:
    """deepface's own dlib backend aligns by five points, which the service's weights lack."""
    models = find_spec("face_recognition_models")
    assert models is not None and models.submodule_search_locations is not None, "make install"
    shipped = Path(models.submodule_search_locations[0], "models", _FIVE_POINTS)
    shutil.copy(shipped, weight_path(weights, RECOGNITION).with_name(_FIVE_POINTS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=int, default=40)
    arguments = parser.parse_args()
    taken = taken_by(f"make bench-face READS={arguments.reads}")
    with tempfile.TemporaryDirectory() as name:
        weights = Path(name)
        install_weights(weights)
        lend_five_points(weights)
        first = workers(weights, pictures(), arguments.reads)
        with Decoder(Limits()) as decoder:
            paths = sorted(fetch_photographs().rglob("*.jpg"))
            read = [(path.parent.name, decoder.decode(path.read_bytes())) for path in paths]
        sides = detection([picture for _, picture in read])
        aligned = alignment([one for one in read if one[0] != "crowds"], FaceEngine(weights))
    what = (
        "Portraits of at most 1,280 pixels. A read: detection, landmarks, pose, eyes, cover, passive check, template."
    )
    tell("face-models", taken, what, first, sides, aligned)


if __name__ == "__main__":
    main()
