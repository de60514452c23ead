"""The one JSON text of a value (RFC 8785), as far as events and receipts need it: no fractions, names in ASCII."""

from __future__ import annotations

import json

from evote_belenios.jsontext import Json


def canonical_json(value: Json) -> bytes:
    """The canonical text in UTF-8; ``value`` comes from :func:`evote_belenios.jsontext.load`, which knows no fractions.

    RFC 8785 sorts field names by UTF-16 code units, Python by code points: the same order in ASCII, and a value with
    any other name is refused by its reader.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
