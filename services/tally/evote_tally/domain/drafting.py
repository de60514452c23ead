"""Writing an election down: what a draft must satisfy before anything else happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from evote_ceremony.plan import PlannedTrustee
from evote_eventlog.events import DraftQuestion, DraftTrustee, ElectionDrafted, GroupName
from evote_platform.wording import Words
from evote_statements.keys import KeyMistyped, parse_key

from .refusals import DraftRejected

MIN_TRUSTEES, MAX_TRUSTEES = 2, 20
MIN_THRESHOLD = 2
"""With one trustee enough, that trustee alone could decrypt any single ballot."""
MAX_QUESTIONS = 20
MAX_ANSWERS = 100
"""Answers of all questions together: it bounds a ballot to well under a Kafka message (1 MB)."""


@dataclass(frozen=True)
class DraftOrder:
    """What the officer ordered; instants are timezone-aware UTC."""

    name: str
    description: str
    group: GroupName
    administrator: str
    questions: tuple[DraftQuestion, ...]
    trustees: tuple[PlannedTrustee, ...]
    """Names, and the lines of the keys that the trustees handed over."""
    threshold: int
    opens_at: datetime
    closes_at: datetime


def draft_election(order: DraftOrder, *, uuid: str, now: datetime) -> ElectionDrafted:
    """Accept a draft.

    Args:
        order: what the officer ordered.
        uuid: the new election's identifier.
        now: the instant of the command.

    Raises:
        DraftRejected: naming every fault, so that the officer corrects them at once.
    """
    faults = tuple(_faults(order, now))
    if faults:
        raise DraftRejected(faults)
    return ElectionDrafted(
        election_uuid=uuid,
        name=order.name,
        description=order.description,
        group=order.group,
        administrator=order.administrator,
        questions=order.questions,
        trustees=tuple(DraftTrustee(name=trustee.name, key=trustee.key) for trustee in order.trustees),
        threshold=order.threshold,
        opens_at=instant_text(order.opens_at),
        closes_at=instant_text(order.closes_at),
    )


def instant_text(instant: datetime) -> str:
    """RFC 3339 UTC with milliseconds and ``Z``."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _faults(order: DraftOrder, now: datetime) -> Iterator[tuple[str, Words]]:
    yield from _question_faults(order.questions)
    yield from _trustee_faults(order.trustees)
    trustees = len(order.trustees)
    if not MIN_THRESHOLD <= order.threshold <= trustees:
        yield (
            "threshold",
            Words(
                f"{MIN_THRESHOLD} からトラスティの人数（{trustees}）まで",
                f"must be from {MIN_THRESHOLD} to the number of trustees ({trustees})",
            ),
        )
    if order.closes_at <= order.opens_at:
        yield "closes_at", Words("終了は開始よりあとでなければなりません", "the election must close after it opens")
    if order.closes_at <= now:
        yield "closes_at", Words("過ぎた時刻です", "is in the past")


def _trustee_faults(trustees: tuple[PlannedTrustee, ...]) -> Iterator[tuple[str, Words]]:
    if not MIN_TRUSTEES <= len(trustees) <= MAX_TRUSTEES:
        yield (
            "trustees",
            Words(
                f"トラスティは {MIN_TRUSTEES} 人から {MAX_TRUSTEES} 人まで（いまは {len(trustees)} 人）",
                f"there must be {MIN_TRUSTEES} to {MAX_TRUSTEES} trustees, not {len(trustees)}",
            ),
        )
    if len({trustee.name for trustee in trustees}) != len(trustees):
        yield "trustees", Words("同じ名前のトラスティがいます", "two trustees have the same name")
    if len({trustee.key for trustee in trustees}) != len(trustees):
        yield "trustees", Words("同じ鍵のトラスティがいます", "two trustees have the same key")
    for index, trustee in enumerate(trustees):
        try:
            parse_key(trustee.key)
        except KeyMistyped:
            yield (
                f"trustees.{index}.key",
                Words(
                    "トラスティのプログラムが表示した行と違うか、入力の誤りがあります",
                    "is not the line that the trustee's program printed, or was mistyped",
                ),
            )


def _question_faults(questions: tuple[DraftQuestion, ...]) -> Iterator[tuple[str, Words]]:
    if not 1 <= len(questions) <= MAX_QUESTIONS:
        yield (
            "questions",
            Words(
                f"問いは 1 から {MAX_QUESTIONS} まで（いまは {len(questions)}）",
                f"there must be 1 to {MAX_QUESTIONS} questions, not {len(questions)}",
            ),
        )
    answers = sum(len(question.answers) for question in questions)
    if answers > MAX_ANSWERS:
        yield (
            "questions",
            Words(
                f"すべての問いの選択肢は合わせて {MAX_ANSWERS} まで（いまは {answers}）",
                f"all questions together have {answers} answers; the most is {MAX_ANSWERS}",
            ),
        )
    for index, question in enumerate(questions):
        field = f"questions.{index}"
        if not question.min <= question.max <= len(question.answers):
            yield field, Words("min ≤ max ≤ 選択肢の数 でなければなりません", "min ≤ max ≤ number of answers must hold")
        if len(set(question.answers)) != len(question.answers):
            yield f"{field}.answers", Words("同じ選択肢があります", "two answers are the same")
