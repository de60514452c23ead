"""Drafting: the example, what is confirmed before it is signed, and every fault of a refusal."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest
from evote_cli.draft_file import example_draft
from evote_cli.errors import (
    CommandFailed,
    FieldFault,
    NotApproved,
    ServerRefused,
)
from evote_platform.clock import utc_now
from evote_tally.api.models import DraftRequest
from evote_tally.domain.drafting import draft_election
from evote_tally.domain.refusals import DraftRejected

from .at_keyboard import (
    ESCAPED,
    HOSTILE,
    TRUSTEES,
    UUID,
    answering,
    can_be_printed,
    cosigned,
    given,
)


def test_a_draft_is_sent_as_it_was_written(evote, tmp_path) -> None:
    order, requests = tmp_path / "order.json", list[httpx.Request]()
    order.write_text(example_draft(TRUSTEES, utc_now()), "utf-8")
    transport = answering(201, {"election_uuid": UUID}, requests)
    draft = ("election", "draft", order, "--reason", "議決", "--command", tmp_path / "draft.command", "--yes")
    evote(transport, *draft)
    assert "住民投票" in cosigned(evote, tmp_path / "draft.command", tmp_path)
    assert UUID in evote(transport, *draft)
    (request,) = requests
    assert json.loads(request.content) == json.loads(order.read_text("utf-8"))
    assert [person.id for person in given(request, "tally").persons] == ["sato", "suzuki"]


def test_the_example_of_a_draft_satisfies_the_services_own_rules(evote) -> None:
    named = [word for holder in TRUSTEES for word in ("--trustee", f"{holder.name}={holder.key}")]
    request = DraftRequest.model_validate_json(evote(answering(500, {}), "election", "template", *named))
    drafted = draft_election(request.order(), uuid=UUID, now=utc_now())
    assert [(trustee.name, trustee.key) for trustee in drafted.trustees] == [(h.name, h.key) for h in TRUSTEES]


def test_an_example_whose_trustees_lines_were_forgotten_is_refused_for_just_these_lines(evote) -> None:
    request = DraftRequest.model_validate_json(evote(answering(500, {}), "election", "template"))
    with pytest.raises(DraftRejected) as refused:
        draft_election(request.order(), uuid=UUID, now=utc_now())
    assert [field for field, _ in refused.value.faults] == [f"trustees.{number}.key" for number in range(3)]


@pytest.mark.parametrize("trustees", [("佐藤",), ("佐藤=",), ("=ed25519:x",), ("佐藤=ed25519:x",)])
def test_a_template_for_half_a_trustee_or_one_alone_is_told(evote, trustees) -> None:
    with pytest.raises(CommandFailed, match="立会人は"):
        evote(answering(500, {}), "election", "template", *(f"--trustee={trustee}" for trustee in trustees))


def test_questions_window_and_trustees_are_confirmed_before_a_draft_is_signed(evote, tmp_path, monkeypatch) -> None:
    order, command = tmp_path / "order.json", tmp_path / "draft.command"
    order.write_text(example_draft(TRUSTEES, datetime(2026, 11, 1, tzinfo=UTC)), "utf-8")
    draft = ("election", "draft", order, "--reason", "議決", "--command", command)
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text: asked.append(text))
    with pytest.raises(NotApproved):
        evote(answering(500, {}), *draft)
    assert asked == ["この内容で起案してよいですか"] and not command.exists()
    monkeypatch.setattr("typer.confirm", lambda text: True)
    said = evote(answering(500, {}), *draft)
    assert "2026-12-01（火）07:00（日本時間） 〜 2026-12-06（日）20:00（日本時間）" in said
    assert "3 人のうち 2 人" in said and "賛成 / 反対 / 白票" in said
    assert all(holder.name in said and holder.key in said for holder in TRUSTEES)


@pytest.mark.parametrize("draft", [[], "x", {"name": "n"}, {"name": "n", "administrator": "a", "opens_at": 1}])
def test_a_draft_of_another_form_is_told_before_it_is_signed(evote, tmp_path, draft) -> None:
    order, command = tmp_path / "order.json", tmp_path / "draft.command"
    order.write_text(json.dumps(draft), "utf-8")
    with pytest.raises(CommandFailed, match="template"):
        evote(answering(500, {}), "election", "draft", order, "--reason", "r", "--command", command, "--yes")
    assert not command.exists()


def test_every_fault_of_a_refusal_is_told_with_its_place_and_what_is_right(evote) -> None:
    errors = [
        {"field": "body.questions.0.max", "reason": "too large", "ja": "100 以下にしてください"},
        {"field": "body.open_at", "reason": "unknown field", "ja": "この名前の項目はありません"},
        {"field": "threshold", "reason": "of an older server"},
        {"field": HOSTILE, "reason": HOSTILE},
    ]
    problem = {"type": "urn:tsukuba-evote:problem:invalid-request", "title": "正しくありません", "errors": errors}
    with pytest.raises(ServerRefused) as refused:
        evote(answering(422, problem), "election", "show", UUID)
    _, *told = str(refused.value).splitlines()
    assert told[:4] == [
        "直すところ:",
        "  questions の 1 番目 の max: 100 以下にしてください",
        "  open_at: この名前の項目はありません",
        "  threshold: of an older server",
    ]
    assert can_be_printed(str(refused.value)) and str(refused.value).count(ESCAPED) == 2


def test_errors_of_an_unknown_form_leave_the_refusal_itself(evote) -> None:
    for errors in ("x", [1], [{}], 5, None):
        problem = {"type": "urn:x:y", "title": "題", "errors": errors}
        with pytest.raises(ServerRefused, match="422"):
            evote(answering(422, problem), "election", "show", UUID)


def test_a_place_that_no_list_has_is_shown_as_it_is() -> None:
    assert str(FieldFault("body.trustees.1.key", "x")) == "trustees の 2 番目 の key: x"
    assert str(FieldFault("9" * 5000, "x")) == f"{'9' * 5000}: x"
