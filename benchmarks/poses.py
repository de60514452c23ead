"""Pictures of one person in each pose that biometric asks for, for a crowd that comes by face: ``make load FACE=…``.

Where the face of a photograph is, the service's own engine says; the rest is drawn by the puppet, a simulation.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from evote_biometric.engine.decoding import Limits, decode
from evote_biometric.engine.finding import FaceFinder
from evote_local.nodes.photographs import fetch_photographs
from evote_local.people.face import Poses
from evote_local.people.puppet import Puppet

_WEIGHTS: Final = Path(__file__).parents[1] / ".cache" / "weights"
_SIDE: Final = 960
"""Of the longer side, as the voting page sends them (web/resident/ways/camera.ts)."""


def puppet_of(photo: Path, weights: Path = _WEIGHTS, side: int = _SIDE) -> Puppet:
    """The only person in a photograph; ``weights`` is the folder of the models', ``side`` the longer in pixels."""
    picture = decode(photo.read_bytes(), Limits(longest_side_kept=side, wall_s=60))
    finder = FaceFinder(weights)
    return Puppet(picture.pixels, finder.points(picture.pixels, finder.find(picture.pixels)[0]))


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    Poses.of(puppet_of(fetch_photographs() / "obama/1.jpg")).write(folder)


if __name__ == "__main__":
    main()
