"""What officers do, whose role it is and how many persons it takes: one table for services, programs and auditors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .roster import Role


@dataclass(frozen=True)
class Act:
    """One thing that officers can command.

    Args:
        service: who carries it out.
        method: of the request.
        path: as the service's routes have it, with names in braces; ``{name:path}`` may hold slashes.
        role: that each of the persons holds.
        persons: how many different ones have to sign.
        title: what it is, for whoever signs.
    """

    service: str
    method: str
    path: str
    role: Role
    persons: int
    title: str

    def is_at(self, path: str) -> bool:
        """Whether a request's path (percent-decoded) is one of this act."""
        pattern = "".join(_part(part) for part in re.split(r"(\{[a-z_]+(?::path)?\})", self.path))
        return re.fullmatch(pattern, path, re.DOTALL) is not None

    def path_of(self, election_uuid: str, **names: object) -> str:
        """The path of an act on an election; ``names`` are the other names in it."""
        path = self.path.replace("{election_uuid}", election_uuid)
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", str(value))
        return path


def _part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return ".+" if part.endswith(":path}") else "[^/]+"


_ELECTION = "/elections/{election_uuid}"
_VOTER = f"{_ELECTION}/voters/{{voter_id:path}}"
_OFFICER, _COUNTER = Role.ELECTION_OFFICER, Role.COUNTER_OFFICER

# The draft names the trustees with their keys: whoever writes it alone could put strangers there.
DRAFT: Final = Act("tally", "POST", "/elections", _OFFICER, 2, "選挙の起案（トラスティの一覧の承認）")
FREEZE: Final = Act("tally", "POST", f"{_ELECTION}/roll/freeze", _OFFICER, 1, "選挙の確定")
# As the draft does, it says whose word is a trustee's.
RENEW_TRUSTEE: Final = Act("tally", "POST", f"{_ELECTION}/trustees/{{trustee}}/key", _OFFICER, 2, "立会人の鍵の交替")
ABANDON: Final = Act("tally", "POST", f"{_ELECTION}/abandon", _OFFICER, 2, "開始していない選挙の取りやめ")
OPEN: Final = Act("tally", "POST", f"{_ELECTION}/open", _OFFICER, 2, "投票の開始")
CLOSE: Final = Act("tally", "POST", f"{_ELECTION}/close", _OFFICER, 2, "終了時刻より前の締切り")
CERTIFY: Final = Act("tally", "POST", f"{_ELECTION}/certify", _OFFICER, 2, "結果の認定")
IMPORT_ROLL: Final = Act("auth", "POST", f"{_ELECTION}/roll", _OFFICER, 1, "名簿の取込み")
PUBLISH_CREDENTIALS: Final = Act("auth", "POST", f"{_ELECTION}/roll/freeze", _OFFICER, 1, "名簿の凍結")
ISSUE_CODES: Final = Act("auth", "POST", f"{_ELECTION}/voting-codes", _OFFICER, 2, "全員の投票コードの発行")
REISSUE_CODE: Final = Act("auth", "POST", f"{_VOTER}/voting-code", _COUNTER, 1, "一人の投票コードの再発行")
ORDER_ENROLMENT: Final = Act("auth", "POST", f"{_VOTER}/face-enrolment", _COUNTER, 2, "窓口での顔の登録")
DECIDE_CARD: Final = Act("auth", "POST", f"{_ELECTION}/card-matches/{{case_number}}", _COUNTER, 1, "カードの照合の判断")
BLOCK_CARD: Final = Act("auth", "POST", f"{_VOTER}/card-block", _COUNTER, 1, "紛失したカードの停止")
UNBLOCK_CARD: Final = Act("auth", "POST", f"{_VOTER}/card-unblock", _COUNTER, 1, "見つかったカードの再開")
REISSUE_TEMPLATE: Final = Act(
    "biometric", "POST", f"{_ELECTION}/templates/{{voter_ref}}/reissue", _OFFICER, 1, "顔のテンプレートの作り直し"
)
# No service carries it out: whoever serves the page serves the signed list beside it (evote-verify --front).
PUBLISH_FRONT: Final = Act("front", "PUT", "/manifest.json", _OFFICER, 2, "投票ページ・公開ページとして配る内容の承認")
# Neither this: the wall's page checks it. One person has to be able to, at night.
ANNOUNCE: Final = Act("front", "PUT", f"{_ELECTION}/announcements.json", _OFFICER, 1, "状況表示の画面への知らせ")

ACTS: Final = (
    DRAFT,
    FREEZE,
    RENEW_TRUSTEE,
    ABANDON,
    OPEN,
    CLOSE,
    CERTIFY,
    IMPORT_ROLL,
    PUBLISH_CREDENTIALS,
    ISSUE_CODES,
    REISSUE_CODE,
    ORDER_ENROLMENT,
    DECIDE_CARD,
    BLOCK_CARD,
    UNBLOCK_CARD,
    REISSUE_TEMPLATE,
    PUBLISH_FRONT,
    ANNOUNCE,
)


def find_act(service: str, method: str, path: str) -> Act | None:
    """The act that a request commands; None when it commands nothing."""
    return next((act for act in ACTS if (act.service, act.method) == (service, method) and act.is_at(path)), None)
