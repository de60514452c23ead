"""The trustee at the keyboard: nobody can type from the own screen what has to be heard from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import typer
from evote_belenios.election import Question
from evote_ceremony.code import code_of, read_aloud_by
from evote_ceremony.plan import Plan
from evote_ceremony.setup import Setup
from evote_cli.dialogue import AtKeyboard
from evote_cli.errors import CodeDiffers, NotApproved
from evote_local.people.rehearsal import Rehearsal
from rich.console import Console

TRUSTEES = Rehearsal(["佐藤", "鈴木", "[bold]高橋[/bold]"])
PLAN = Plan(
    election_uuid="4yP2vbZnkbxpPG",
    name="住民投票",
    description="",
    group_name="Ed25519",
    administrator="a",
    questions=(Question("賛成ですか", ("賛成", "反対"), blank=True, min=1, max=1),),
    trustees=TRUSTEES.trustees,
    threshold=2,
    opens_at="2026-11-24T10:00:00.000Z",
    closes_at="2026-11-24T11:00:00.000Z",
)
CODE = code_of("00" * 32)


@pytest.fixture
def person() -> AtKeyboard:
    return AtKeyboard(Console(record=True, width=200, force_terminal=False))


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What the person types, one answer after the other, and what they say at the end; returns the prompts."""

    def typed(answers: list[str], agreed: bool = True) -> list[str]:
        prompts: list[str] = []
        left: Iterator[str] = iter(answers)

        def prompt(text: str) -> str:
            prompts.append(text)
            return next(left)

        monkeypatch.setattr(typer, "prompt", prompt)
        monkeypatch.setattr(typer, "confirm", lambda text: agreed)
        return prompts

    return typed


def heard_by(trustee: int) -> list[str]:
    own = read_aloud_by(trustee, 3)
    return [group.text for at, group in enumerate(CODE.groups) if at not in own]


@pytest.mark.parametrize("trustee", [1, 2, 3])
def test_what_the_others_read_is_typed_and_never_shown(person, types, trustee: int) -> None:
    prompts = types(heard_by(trustee))
    assert person.hear(PLAN, trustee, CODE) == CODE
    shown = person.console.export_text()
    own = read_aloud_by(trustee, 3)
    for at, group in enumerate(CODE.groups):
        assert (group.spelled in shown) == (at in own)
    assert len(prompts) == len(CODE.groups) - len(own)
    for heard in heard_by(trustee):
        assert not any(heard in text or heard.split()[0] in text for text in (*prompts, shown))


def test_the_plan_is_shown_as_it_is_written(person, types) -> None:
    types(heard_by(2))
    person.hear(PLAN, 2, CODE)
    shown = person.console.export_text()
    for text in ("住民投票", "賛成ですか", "3 人のうち 2 人", "2 鈴木（あなた）", "[bold]高橋[/bold]", "白票"):
        assert text in shown


def test_who_mishears_may_listen_again(person, types) -> None:
    first, *others = heard_by(1)
    types(["まくら 12", "さくら 99" if first != "さくら 99" else "からす 99", first, *others])
    assert person.hear(PLAN, 1, CODE) == CODE


def test_what_stays_different_ends_it(person, types) -> None:
    types(["からす 99"] * 3)
    with pytest.raises(CodeDiffers):
        person.hear(PLAN, 1, CODE)


def test_a_trustee_whose_own_part_another_did_not_hear_does_not_go_on(person, types) -> None:
    """The others compare what this trustee reads out: only they can tell."""
    types(heard_by(1), agreed=False)
    with pytest.raises(CodeDiffers):
        person.hear(PLAN, 1, CODE)


def test_the_final_texts_are_shown_before_they_are_confirmed(person, types) -> None:
    trustees = Rehearsal(["佐藤", "鈴木", "高橋"])
    plan = Plan(**{**PLAN.__dict__, "trustees": trustees.trustees})
    trustees.hold(plan)
    setup: Setup = trustees.setup(plan, "c" * 64)
    types([])
    person.approve(plan, 40, setup)
    assert "名簿: 40 人" in person.console.export_text()
    types([], agreed=False)
    with pytest.raises(NotApproved):
        person.approve(plan, 40, setup)


def test_a_name_can_not_write_on_a_trustees_terminal(person, types) -> None:
    hostile = "住民投票\nVERIFIED\x1b[2J\u202e\x9b"
    types(heard_by(2))
    person.hear(Plan(**{**PLAN.__dict__, "name": hostile}), 2, CODE)
    shown = person.console.export_text()
    assert "住民投票\\u{a}VERIFIED\\u{1b}[2J\\u{202e}\\u{9b}" in shown
    assert all(character.isprintable() or character in "\n\u3000" for character in shown)
