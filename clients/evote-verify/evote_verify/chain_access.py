"""The chains that an auditor names, opened for reading; no key is needed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from evote_anchors.anchor import AnchorReader


def open_chains(arguments: argparse.Namespace) -> Sequence[AnchorReader]:
    """The readers of the chains that were asked for; raises :class:`evote_verify.findings.Unusable`."""
    return ()
