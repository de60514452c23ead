"""What a draft must satisfy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from evote_eventlog.events import DraftQuestion
from evote_local.people.rehearsal import Rehearsal
from evote_tally.domain.drafting import DraftOrder, draft_election
from evote_tally.domain.refusals import DraftRejected

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
QUESTION = DraftQuestion(question="賛成ですか", answers=("はい", "いいえ"), blank=True, min=1, max=1)
ORDER = DraftOrder(
    name="住民投票",
    description="",
    group="Ed25519",
    administrator="選挙管理委員会",
    questions=(QUESTION,),
    trustees=Rehearsal(["甲", "乙", "丙"]).trustees,
    threshold=2,
    opens_at=NOW + timedelta(hours=1),
    closes_at=NOW + timedelta(hours=2),
)
MISTYPED = ORDER.trustees[0].key[:-8] + "00000000"


def faulty_fields(order: DraftOrder) -> set[str]:
    with pytest.raises(DraftRejected) as refused:
        draft_election(order, uuid="4yP2vbZnkbxpPG", now=NOW)
    return {field for field, _ in refused.value.faults}


def test_a_sound_draft_keeps_its_window_in_utc() -> None:
    event = draft_election(ORDER, uuid="4yP2vbZnkbxpPG", now=NOW)
    assert (event.opens_at, event.closes_at) == ("2026-11-24T10:00:00.000Z", "2026-11-24T11:00:00.000Z")


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (replace(ORDER, threshold=1), "threshold"),
        (replace(ORDER, threshold=4), "threshold"),
        (replace(ORDER, trustees=ORDER.trustees[:1]), "trustees"),
        (replace(ORDER, trustees=Rehearsal(["甲", "甲", "乙"]).trustees), "trustees"),
        (replace(ORDER, trustees=Rehearsal([str(i) for i in range(21)]).trustees), "trustees"),
        (replace(ORDER, trustees=(*ORDER.trustees, replace(ORDER.trustees[0], name="丁"))), "trustees"),
        (replace(ORDER, trustees=(replace(ORDER.trustees[0], key=MISTYPED), *ORDER.trustees[1:])), "trustees.0.key"),
        (replace(ORDER, closes_at=ORDER.opens_at), "closes_at"),
        (replace(ORDER, opens_at=NOW - timedelta(hours=2), closes_at=NOW), "closes_at"),
        (replace(ORDER, questions=()), "questions"),
        (replace(ORDER, questions=(QUESTION,) * 21), "questions"),
        (replace(ORDER, questions=(QUESTION.model_copy(update={"min": 2}),)), "questions.0"),
        (replace(ORDER, questions=(QUESTION.model_copy(update={"max": 3}),)), "questions.0"),
        (
            replace(ORDER, questions=(QUESTION.model_copy(update={"answers": ("はい", "はい")}),)),
            "questions.0.answers",
        ),
        (
            replace(
                ORDER,
                questions=tuple(
                    QUESTION.model_copy(update={"answers": tuple(f"{i}" for i in range(51))}) for _ in "12"
                ),
            ),
            "questions",
        ),
    ],
)
def test_a_contradiction_is_refused_by_its_field(order: DraftOrder, field: str) -> None:
    assert field in faulty_fields(order)


def test_all_faults_are_told_at_once() -> None:
    assert faulty_fields(replace(ORDER, threshold=9, closes_at=ORDER.opens_at, questions=())) == {
        "threshold",
        "closes_at",
        "questions",
    }
