"""What travels between the server and the key machine: the ceremony's material and a trustee's messages.

Both are files that may be carried on a medium, so the key machine needs no network.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from .errors import MaterialRejected

CERTIFICATE, COMMITMENT, POLYNOMIAL, VOUTPUT = "certificate", "commitment", "polynomial", "voutput"
PARTIAL_DECRYPTION = "partial-decryption"
CEREMONY_STEPS = (CERTIFICATE, COMMITMENT, POLYNOMIAL, VOUTPUT)
STEP_NAMES = {
    CERTIFICATE: "通信用の証明書",
    COMMITMENT: "多項式のコミットメント",
    POLYNOMIAL: "多項式の公開",
    VOUTPUT: "検証鍵",
    PARTIAL_DECRYPTION: "部分復号",
}
_ELECTION_UUID = re.compile(r"^[1-9A-HJ-NP-Za-km-z]{14,64}$")
_MAX_TRUSTEES = 1000


@dataclass(frozen=True)
class TrusteeMessages:
    """A trustee's public messages; None where one is missing. ``trustee`` counts from 1."""

    trustee: int
    name: str
    certificate: str | None
    commitment: str | None
    polynomial: str | None
    voutput: str | None


@dataclass(frozen=True)
class Material:
    """The ceremony as the server shows it to the trustee of number ``trustee``."""

    election_uuid: str
    group: str
    threshold: int
    trustee: int
    trustees: tuple[TrusteeMessages, ...]

    @property
    def own(self) -> TrusteeMessages:
        """The trustee's own messages, as the server has them."""
        return self.trustees[self.trustee - 1]

    def received(self, step: str) -> tuple[str | None, ...]:
        """Everybody's messages of a step, in the trustees' order."""
        return tuple(getattr(messages, step) for messages in self.trustees)

    def complete(self, step: str) -> tuple[str, ...]:
        """Everybody's messages of a step.

        Raises:
            MaterialRejected: one is missing.
        """
        found = tuple(text for text in self.received(step) if text is not None)
        if len(found) != len(self.trustees):
            raise MaterialRejected(f"{STEP_NAMES[step]}が揃っていません")
        return found


@dataclass(frozen=True)
class Message:
    """What a trustee sends in a step: the exact text ``body`` (of a commitment, the hash)."""

    election_uuid: str
    trustee: int
    step: str
    body: str

    def to_json(self) -> str:
        """The message as a file."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @property
    def path(self) -> str:
        """Where it is sent."""
        return f"/elections/{self.election_uuid}/trustees/{self.trustee}/{self.step}"

    @property
    def content(self) -> str:
        """What is sent there."""
        return json.dumps({"commitment": self.body}) if self.step == COMMITMENT else self.body


def parse_material(text: str) -> Material:
    """Read the material, as the server sent it.

    Raises:
        MaterialRejected: it isn't the ceremony of an election.
    """
    document = _document(text)
    try:
        trustees = tuple(
            TrusteeMessages(
                _integer(entry["trustee"]),
                _text(entry["name"]),
                *(None if entry[step] is None else _text(entry[step]) for step in CEREMONY_STEPS),
            )
            for entry in document["trustees"]
        )
        material = Material(
            _uuid(document["election_uuid"]),
            _text(document["group"]),
            _integer(document["threshold"]),
            _integer(document["trustee"]),
            trustees,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MaterialRejected(f"儀式の資料ではありません（{error}）") from error
    if [entry.trustee for entry in trustees] != list(range(1, len(trustees) + 1)):
        raise MaterialRejected("トラスティの番号が正しくありません")
    if not (material.trustee <= len(trustees) and material.threshold <= len(trustees)):
        raise MaterialRejected("トラスティの人数が正しくありません")
    return material


def parse_message(text: str) -> Message:
    """Read a message file.

    Raises:
        MaterialRejected: it isn't a trustee's message.
    """
    document = _document(text)
    try:
        message = Message(
            _uuid(document["election_uuid"]),
            _integer(document["trustee"]),
            _text(document["step"]),
            _text(document["body"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MaterialRejected(f"トラスティのメッセージではありません（{error}）") from error
    if message.step not in STEP_NAMES:
        raise MaterialRejected(f"知らない段階です: {message.step}")
    return message


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise MaterialRejected("JSON ではありません") from error
    if not isinstance(document, dict):
        raise MaterialRejected("JSON の文書ではありません")
    return document


def _uuid(value: object) -> str:
    # The identifier becomes part of a file name and of a URL.
    if not isinstance(value, str) or not _ELECTION_UUID.fullmatch(value):
        raise ValueError("選挙の識別子が正しくありません")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("文字列ではありません")
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MAX_TRUSTEES:
        raise TypeError("番号ではありません")
    return value
