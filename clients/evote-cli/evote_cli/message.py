"""What travels from the key machine to the service: a file that may be carried on a medium."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from evote_ceremony.messages import Step

from .errors import MessageUnreadable

CONFIRMATION = "confirmation"
STEP_NAMES = {
    Step.CERTIFICATE: "通信用の証明書",
    Step.COMMITMENT: "多項式のコミットメント",
    Step.POLYNOMIAL: "多項式の公開",
    Step.VOUTPUT: "検証鍵",
    CONFIRMATION: "最終内容の確認",
    Step.PARTIAL_DECRYPTION: "部分復号",
}
"""Every step of a trustee, in their order, as it is called on the screen."""
_ELECTION_UUID = re.compile(r"^[1-9A-HJ-NP-Za-km-z]{14,64}$")


@dataclass(frozen=True)
class Message:
    """What a trustee sends in a step: the exact text, and the signed statement about it.

    ``text`` is the hash of a commitment, and empty for a confirmation, of which the statement says all.
    """

    election_uuid: str
    trustee: int
    step: str
    text: str
    statement: str

    def to_json(self) -> str:
        """The message as a file."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @property
    def path(self) -> str:
        """Where it is sent."""
        return f"/elections/{self.election_uuid}/trustees/{self.trustee}/{self.step}"

    @property
    def body(self) -> dict[str, str]:
        """What is sent there."""
        text = {} if self.step == CONFIRMATION else {"message": self.text}
        return {**text, "statement": self.statement}


def read_message(path: Path) -> Message:
    """Read a message's file; raises as :func:`parse_message`."""
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise MessageUnreadable(str(error)) from error
    return parse_message(text)


def parse_message(text: str) -> Message:
    """Read a message file.

    Raises:
        MessageUnreadable: it isn't a trustee's message.
    """
    try:
        message = Message(**json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise MessageUnreadable(str(error)) from error
    if not all(isinstance(value, str) for value in (message.step, message.text, message.statement)):
        raise MessageUnreadable("文字列でない項目があります")
    if message.step not in STEP_NAMES:
        raise MessageUnreadable(f"知らない段階です: {message.step[:40]}")
    # Both become part of a URL.
    if not isinstance(message.election_uuid, str) or not _ELECTION_UUID.fullmatch(message.election_uuid):
        raise MessageUnreadable("選挙の識別子が正しくありません")
    if not isinstance(message.trustee, int):
        raise MessageUnreadable("立会人の番号が正しくありません")
    return message
