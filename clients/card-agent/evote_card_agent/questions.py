"""What a resident is asked before a card signs, and the answer: what the agent and its window say to each other."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Final

from .pins import Pin, Pins

CANCELLED: Final = 3
"""The exit status of a window or terminal prompt whose resident said no."""

PIN_LABEL: Final = "利用者証明用の暗証番号（数字4桁） / user authentication PIN (4 digits)"
PIN_MALFORMED: Final = "数字4桁で入力してください。回数は減っていません。 / Type 4 digits; no try was used."
SIGNATURE_LABEL: Final = (
    "署名用の暗証番号（英数字6〜16文字。小文字は大文字とみなします）"
    " / digital signature password (6 to 16 letters and digits; small letters count as capitals)"
)
SIGNATURE_MALFORMED: Final = (
    "英数字6〜16文字で入力してください。回数は減っていません。 / Type 6 to 16 letters and digits; no try was used."
)
LAST_TRY: Final = (
    "警告: これが最後の1回です。間違えるとロックされ、市区町村の窓口で初期化するまで使えません。"
    " / WARNING: this is the last try. A wrong one locks the card until it is reset at your municipal office."
)


@dataclass(frozen=True)
class Question:
    """Who asks for which signature, and how many tries the card leaves."""

    origin: str
    election_name: str
    election_uuid: str
    challenge_id: str
    pin_tries: int
    password_tries: int

    @property
    def is_last_try(self) -> bool:
        """Whether one more mistake locks a key of the card."""
        return 1 in (self.pin_tries, self.password_tries)

    def facts(self) -> list[tuple[str, str]]:
        """What is shown, as labels and values."""
        return [
            ("求めているページ / asked by", self.origin),
            ("署名する文面 / to be signed", "投票資格情報の受け取り / receipt of the voting credential"),
            ("選挙 / election", self.election_name),
            ("選挙番号 / election number", self.election_uuid),
            ("受付番号 / request number", self.challenge_id),
            ("残り回数 / tries left", f"利用者証明用 {self.pin_tries}、署名用 {self.password_tries}"),
        ]


def write_question(question: Question) -> bytes:
    """For the standard input of a window or terminal prompt."""
    return json.dumps(asdict(question)).encode("ascii")


def read_question() -> Question:
    """From this process's standard input."""
    return Question(**json.load(sys.stdin))


def write_answer(pin: str, password: str) -> None:
    """To this process's standard output, which is a pipe to the agent."""
    json.dump({"pin": pin, "password": password}, sys.stdout)
    sys.stdout.flush()


def read_answer(content: bytes) -> Pins:
    """What :func:`write_answer` wrote."""
    answer = json.loads(content)
    return Pins(Pin(answer["pin"]), Pin(answer["password"]))
