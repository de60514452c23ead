"""A photograph that can move: where its face is, the service's own engine says."""

from __future__ import annotations

from pathlib import Path

from evote_biometric.engine.decoding import Limits, decode
from evote_biometric.engine.finding import FaceFinder
from evote_local.people.puppet import Puppet


def puppet_of(photo: Path, weights: Path) -> Puppet:
    """The only person in a photograph; ``weights`` are the models'."""
    picture = decode(photo.read_bytes(), Limits(longest_side_kept=1000, wall_s=60))
    finder = FaceFinder(weights)
    return Puppet(picture.pixels, finder.points(picture.pixels, finder.find(picture.pixels)[0]))
