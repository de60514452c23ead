"""Problems as clients read them: RFC 9457 ``application/problem+json``, in Japanese and in English.

``title`` and ``detail`` are Japanese, and ``en`` holds both in English. Every document has both languages: a page
changes its language without asking again, whoever is shown a screen can read it, and no cache has to tell them apart.
Programs go by ``type``, which ends with the slug of a kind and never changes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

from fastapi.responses import Response

from .wording import Words

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
PROBLEM_SCOPE_KEY: Final = "evote.problem"
"""Where the ASGI scope notes the slug of the problem that was answered, for the metrics and the log."""

_TYPE_PREFIX = "urn:tsukuba-evote:problem:"
_COME_AGAIN: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""Whoever is answered so is always told when to come again: pages and programs wait for as long as they are told."""
_RETRY_AFTER_S: Final = 5.0
"""Where neither a kind nor its occurrence knows better."""

Refusal = TypeVar("Refusal", bound=Exception)
Facts = Mapping[str, object]


@dataclass(frozen=True)
class Wording:
    """A kind of problem in one language: what happened, the same each time, and what to do next.

    Names in braces in the detail stand for facts of one occurrence.
    """

    title: str
    detail: str

    def filled(self, facts: Mapping[str, object]) -> Wording:
        """With the facts of one occurrence in their places; ``KeyError`` when one is missing."""
        return Wording(self.title, self.detail.format_map(facts))


@dataclass(frozen=True)
class ProblemKind:
    """One kind of problem: ``slug`` is the stable, kebab-case code that clients know it by."""

    slug: str
    status: int
    japanese: Wording
    english: Wording
    retry_after_s: float | None = None
    """When it makes sense to ask again, unless an occurrence knows better."""
    members: tuple[str, ...] = ()
    """Which further members its documents may have: names of :data:`.members.MEMBERS`."""


def kind(
    slug: str,
    status: int,
    japanese: tuple[str, str],
    english: tuple[str, str],
    retry_after_s: float | None = None,
    members: tuple[str, ...] = (),
) -> ProblemKind:
    """A kind whose wordings are pairs of a title and a detail."""
    return ProblemKind(slug, status, Wording(*japanese), Wording(*english), retry_after_s, members)


class Problem(Exception):
    """An answer other than success. Raise it anywhere below a request.

    Args:
        kind: what kind of problem.
        members: further members of the document, such as ``closes_at``. They fill the detail's places, too.
        facts: what else fills the detail's places: a value, or :class:`Words`. Never a value that the client sent.
        retry_after_s: in seconds, for the header Retry-After, which each 429 and 503 has.
        headers: further response headers.
    """

    def __init__(
        self,
        kind: ProblemKind,
        members: Facts | None = None,
        *,
        facts: Facts | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{kind.status} {kind.slug}")
        self.kind = kind
        self.members = dict(members or {})
        self.facts = dict(facts or {})
        self.headers = dict(headers or {})
        self._sentence = Words("", "")
        wait_s = kind.retry_after_s if retry_after_s is None else retry_after_s
        if wait_s is None and kind.status in _COME_AGAIN:
            wait_s = _RETRY_AFTER_S
        if wait_s is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(wait_s)))

    def document(self) -> dict[str, Any]:
        """The members of the problem document."""
        facts = {**self.members, **self.facts}
        japanese = self.kind.japanese.filled({name: _japanese(fact) for name, fact in facts.items()})
        english = self.kind.english.filled({name: _english(fact) for name, fact in facts.items()})
        return {
            **self.members,
            "type": f"{_TYPE_PREFIX}{self.kind.slug}",
            "title": japanese.title,
            "status": self.kind.status,
            "detail": f"{japanese.detail}{self._sentence.japanese}",
            "en": {"title": english.title, "detail": f"{english.detail} {self._sentence.english}".strip()},
        }

    def add(self, members: Facts, sentence: Words) -> None:
        """Say this too: further members, and a sentence behind the detail. A problem with one of the members keeps
        its own, without the sentence: it knows better."""
        if members.keys() & self.members.keys():
            return
        self.members.update(members)
        self._sentence = sentence

    def response(self) -> Response:
        """The answer to send. ASCII JSON, so that no text of a member can fail to encode."""
        return Response(
            json.dumps(self.document()).encode("ascii"),
            status_code=self.kind.status,
            headers=self.headers,
            media_type=PROBLEM_MEDIA_TYPE,
        )


def _japanese(fact: object) -> object:
    return fact.japanese if isinstance(fact, Words) else fact


def _english(fact: object) -> object:
    return fact.english if isinstance(fact, Words) else fact


@dataclass(frozen=True)
class Answer(Generic[Refusal]):
    """How one type of exception is answered: ``problem`` makes a problem of one of ``kinds``."""

    refusal: type[Refusal]
    kinds: Sequence[ProblemKind]
    problem: Callable[[Refusal], Problem]


def _nothing(_: Exception) -> Facts:
    return {}


def answer(
    refusal: type[Refusal],
    kind: ProblemKind,
    members: Callable[[Refusal], Facts] = _nothing,
    *,
    facts: Callable[[Refusal], Facts] = _nothing,
    retry_after_s: Callable[[Refusal], float | None] = lambda _: None,
) -> Answer[Refusal]:
    """Answer a type of exception with one kind; the functions read from the exception what :class:`Problem` takes."""

    def problem(error: Refusal) -> Problem:
        return Problem(kind, members(error), facts=facts(error), retry_after_s=retry_after_s(error))

    return Answer(refusal, [kind], problem)


@dataclass(frozen=True)
class ProblemTable:
    """Every problem that a service answers with."""

    answers: Sequence[Answer[Any]] = ()
    raised: Sequence[ProblemKind] = ()
    """What its endpoints raise themselves, and what their dependencies do."""

    def kinds(self) -> tuple[ProblemKind, ...]:
        """All kinds, those of every service first. A slug may have several, which differ in their status only."""
        return (*COMMON, *self.raised, *(kind for answer in self.answers for kind in answer.kinds))


INVALID_REQUEST: Final = kind(
    "invalid-request",
    422,
    ("送信された内容が正しくありません", "errors に挙げた項目を直して、もう一度送ってください。"),
    ("The request does not match the API", "Correct the fields listed in errors."),
    members=("errors",),
)
MALFORMED_JSON: Final = kind(
    "malformed-json",
    400,
    ("送信された内容を JSON として読めません", "UTF-8 の JSON を一つ送ってください。"),
    ("The body is not JSON", "Send one JSON value in UTF-8."),
)
NOT_FOUND: Final = kind(
    "not-found",
    404,
    ("見つかりません", "アドレスを確かめてください。"),
    ("There is nothing here", "Check the address."),
)
METHOD_NOT_ALLOWED: Final = kind(
    "method-not-allowed",
    405,
    ("この方法では使えません", "Allow ヘッダーに挙げた方法を使ってください。"),
    ("Not by this method", "Use one that the header Allow names."),
)
BODY_TOO_LARGE: Final = kind(
    "body-too-large",
    413,
    ("送信された内容が大きすぎます", "{limit_bytes} バイト以下にしてください。"),
    ("The body is too large", "A body may have {limit_bytes} bytes at most."),
    members=("limit_bytes",),
)
BODY_TOO_SLOW: Final = kind(
    "body-too-slow",
    408,
    ("送信に時間がかかりすぎました", "通信の状態を確かめて、もう一度送ってください。"),
    ("The body did not come in time", "Check the connection, and send it again."),
)
DATABASE_UNAVAILABLE: Final = kind(
    "database-unavailable",
    503,
    ("ただいま利用できません", "何も失われていません。少し待ってから、もう一度お試しください。"),
    ("The database is not available", "Nothing is lost; try again after Retry-After."),
    retry_after_s=2,
)
INTERNAL_ERROR: Final = kind(
    "internal-error",
    500,
    (
        "サービスの中で問題が起きました",
        "もう一度お試しください。続くときは、X-Request-Id の値を選挙の係員に伝えてください。",
    ),
    ("Something went wrong here", "Try again. The fault is logged under the X-Request-Id."),
)
OUT_OF_SERVICE: Final = kind(
    "out-of-service",
    503,
    (
        "ただいま利用できません",
        "準備中か、害を防ぐために止められています。何も失われていません。少し待ってから、もう一度お試しください。",
    ),
    (
        "This replica does not answer now",
        "It is starting, or was stopped before it could do harm. Nothing is lost; try again after Retry-After.",
    ),
    retry_after_s=5,
)
OVERLOADED: Final = kind(
    "overloaded",
    503,
    (
        "ただいま混み合っています",
        "この要求は受け付けられていません。少し待ってから、もう一度お試しください。",
    ),
    ("Too many requests at once", "Nothing was done about this one. Send it again after Retry-After."),
    retry_after_s=2,
)
SCRAPER_UNKNOWN: Final = kind(
    "scraper-unknown",
    401,
    (
        "この監視プログラムは登録されていません",
        "Authorization: Bearer で、名簿の scrapers に載っている有効なトークンを送ってください。",
    ),
    (
        "No scraper of the roster has this token now",
        "Send the token of an entry under scrapers as Authorization: Bearer.",
    ),
)
COMMON: Final = (
    SCRAPER_UNKNOWN,
    INVALID_REQUEST,
    MALFORMED_JSON,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    BODY_TOO_LARGE,
    BODY_TOO_SLOW,
    DATABASE_UNAVAILABLE,
    OUT_OF_SERVICE,
    OVERLOADED,
    INTERNAL_ERROR,
)
"""What every service may answer."""

RATE_LIMITED: Final = kind(
    "rate-limited",
    429,
    ("アクセスが続いています", "少し待ってから、もう一度お試しください。"),
    ("Too many requests", "Wait as long as Retry-After says."),
    retry_after_s=1,
)
ABANDONED: Final = kind(
    "abandoned",
    408,
    ("接続が切れました", "何も記録されていません。"),
    ("The client went away", "Nothing was recorded."),
)
"""Nobody reads it: the connection is gone."""
WITHHELD: Final = kind(
    "withheld-until-the-close",
    403,
    (
        "投票が締め切られるまで公開されません",
        "締切のあとは、誰でも読めます。ご自分の票は、受付証と投票資格で確かめられます。",
    ),
    (
        "This is not public before the election has closed",
        "Anyone may read it afterwards. Your own ballot can be checked with its receipt and your credential.",
    ),
)
UNKNOWN_ELECTION: Final = kind(
    "unknown-election",
    404,
    ("この選挙は見つかりません", "選挙の識別子を確かめてください。"),
    ("No such election", "Check the election's identifier."),
)


def kind_of_status(status: int) -> ProblemKind:
    """What the frameworks' own refusals are: 400 is a body that they can't parse, the only one that they raise."""
    by_status = {400: MALFORMED_JSON, 404: NOT_FOUND, 405: METHOD_NOT_ALLOWED}
    if status in by_status:
        return by_status[status]
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    return kind(
        f"http-{status}",
        status,
        ("要求を処理できません", "要求の内容を確かめてください。"),
        (phrase, "Check the request."),
    )
