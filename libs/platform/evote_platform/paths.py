"""Types of path and query values that no database or URL can choke on."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Path
from pydantic import Field

_ELECTION_UUID: Final = r"^[1-9A-HJ-NP-Za-km-z]{14,}$"
_ELECTION_UUID_MAX_LENGTH: Final = 64

ElectionUuidPath = Annotated[
    str,
    Path(
        pattern=_ELECTION_UUID,
        max_length=_ELECTION_UUID_MAX_LENGTH,
        description="The election's identifier: at least 14 Base58 characters.",
    ),
]
"""A Belenios election identifier in a path (specification, "Elections")."""

TrackerPath = Annotated[
    str,
    Path(
        pattern=r"^[0-9A-Za-z+/]{43}$",
        max_length=43,
        description="The smart ballot tracker: SHA-256 of the ballot, base64 without padding. Percent-encode it: "
        "proxies make one slash of two.",
    ),
]
"""For ``{tracker:path}``: a tracker may hold ``/`` and ``+``, plain or percent-encoded."""

SafeInt = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A count or an index: fits PostgreSQL's bigint and a JavaScript number. Combine with ``Query`` or ``Path``."""


def is_election_uuid(text: str) -> bool:
    """Whether ``text`` has the form that :data:`ElectionUuidPath` asks for."""
    return len(text) <= _ELECTION_UUID_MAX_LENGTH and re.fullmatch(_ELECTION_UUID, text) is not None
