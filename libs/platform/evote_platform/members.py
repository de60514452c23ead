"""The further members of problem documents: one name means the same at every service, and clients find it described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _number(description: str) -> Schema:
    return {"type": "integer", "description": description}


def _instant(description: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": description}


def _texts(description: str) -> Schema:
    return {"type": "array", "items": {"type": "string"}, "description": description}


def _numbers(description: str) -> Schema:
    return {"type": "array", "items": {"type": "integer"}, "description": description}


def _rows(description: str, **members: str) -> Schema:
    """A list of objects; ``members`` are their members' types by name, all of which are there."""
    properties = {name: {"type": of} for name, of in members.items()}
    items = {"type": "object", "properties": properties, "required": sorted(members)}
    return {"type": "array", "items": items, "description": description}


MEMBERS: Final[Mapping[str, Schema]] = {
    "allowed": _texts("the states in which this can be done"),
    "attempts_left": _number("how often the voter may still try"),
    "certificate": _text("which of the card's certificates: user-authentication or digital-signature"),
    "certified": _text("the SHA-256 that was to be certified, in hexadecimal digits"),
    "checks": _rows("what the preflight misses", name="string", ready="boolean", detail="string"),
    "closes_at": _instant("until when ballots are taken"),
    "decided_at": _instant("when an officer decided the case"),
    "errors": _rows("fields that are wrong, and what is right", field="string", reason="string", ja="string"),
    "expected_size": _number("how many voters the officers signed for"),
    "expired_at": _instant("until when it was valid"),
    "fault": _text("what is wrong with the picture, as a code"),
    "faults": _rows("what is wrong with the picture", code="string", text="string"),
    "field": _text("where what was signed differs from what came with it"),
    "found": _number("how many keys of the election the token has"),
    "given": _number("how many persons have signed"),
    "issue": _number("the number of the last issue of voting codes"),
    "issued_at": _instant("when they were issued"),
    "last_number": _number("the number of the credential's last ballot"),
    "last_signature": {
        "type": "object",
        "properties": {"challenge": {"type": "string"}, "response": {"type": "string"}},
        "required": ["challenge", "response"],
        "description": "what the credential signed that ballot's order with",
    },
    "last_tracker": _text("that ballot's tracker"),
    "limit_bytes": _number("how large a body may be"),
    "log_index": _number("the place in the public log"),
    "member": _text("where the request differs from what the device signed"),
    "missing": _texts("what is missing, in English"),
    "most": _number("how many ballots a credential may cast"),
    "needed": _number("how many persons have to sign"),
    "needs": _text("the step of the ceremony that comes before"),
    "opens_at": _instant("from when ballots are taken"),
    "other": _number("the number of the trustee whose key it is"),
    "other_ways": _texts("how else one can vote: phone, card, face, counter; with every problem of a way in"),
    "part": _text("the part of the form that is wrong"),
    "reason": _text("why the face was refused, as a code"),
    "reception_number": _text("what the voter tells at the counter"),
    "roll_size": _number("how many voters the roll has"),
    "rows": _rows("rows of the roll that are wrong", line="integer", column="string", code="string", reason="string"),
    "rule": _text("the rule of the protocol that is broken"),
    "section": _text("the section of the Belenios specification, or empty"),
    "settled": {
        "type": "boolean",
        "const": True,
        "description": "that this ballot is not counted is a fact of the log; a release without it goes by its clock",
    },
    "size": _number("how many entries the log has"),
    "stands": _text("the SHA-256 of the archive that stands here, in hexadecimal digits"),
    "state": _text("the state in which the election is"),
    "step": _text("the step of the ceremony that was sent"),
    "total": _number("how many rows are wrong: rows may list the first of them only"),
    "trustee": _number("the number of the trustee, from 1"),
    "trustees": _numbers("the numbers of the trustees who have committed"),
    "waiting_for": _numbers("the numbers of the trustees who have not done it yet"),
}
"""By the member's name."""
