"""The browser's implementation of the protocol (web/shared) and this one judge alike, and others accept its ballots."""

from __future__ import annotations

import copy
import json
import secrets
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from evote_belenios.ballots import generate_ballot, parse_ballot, tracker_of, verify_ballot
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Election, Question
from evote_belenios.errors import BeleniosError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from evote_belenios.jsontext import dump
from evote_belenios.order import parse_order, verify_order

from .stories import Story

ROOT = Path(__file__).parents[3]
SIRONA = ROOT / ".tools/node/node_modules/sirona/dist/cli/sirona.js"
"""AGPL: a program of its own, for tests alone."""

Task = dict[str, Any]
Browser = Callable[[Sequence[Task]], list[dict[str, Any]]]
NewElection = Callable[[Group, Sequence[Question]], Election]
Judge = Callable[[Path], None]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """Runs web/shared in node: a voter who does one task after the other."""
    program = tmp_path_factory.mktemp("browser") / "voter.mjs"
    bundler = ROOT / "web/node_modules/.bin/rolldown"
    bundle = [str(bundler), "shared/tests/voter.ts", "--platform", "node", "--file", str(program)]
    subprocess.run(bundle, cwd=ROOT / "web", check=True, capture_output=True)

    def run(tasks: Sequence[Task]) -> list[dict[str, Any]]:
        done = subprocess.run(["node", program], input=json.dumps(tasks), capture_output=True, text=True, check=True)
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    return run


def some_questions(random: Random) -> list[Question]:
    """One to three questions that can be answered."""
    questions = []
    for number in range(random.randint(1, 3)):
        answers = tuple(f"答え {index}" for index in range(random.randint(1, 4)))
        least = random.randint(0, len(answers))
        most = random.randint(max(least, 1), len(answers))
        questions.append(Question(f'問 {number}: "?"', answers, random.random() < 0.5, least, most))
    return questions


def some_choice(question: Question, random: Random) -> list[int]:
    """A choice that the question allows; blank, now and then, where it may be."""
    if question.blank and random.random() < 0.3:
        return [1, *(0 for _ in question.answers)]
    chosen = random.sample(range(len(question.answers)), random.randint(question.min, question.max))
    return [0] * question.blank + [int(index in chosen) for index in range(len(question.answers))]


@pytest.mark.parametrize("group, elections", [(ED25519, 5), (BELENIOS_2048, 2)], ids=["Ed25519", "BELENIOS-2048"])
def test_ballots_of_the_browser_hold_here_and_are_made_again_from_their_seeds(
    group: Group,
    elections: int,
    browser: Browser,
    new_election: NewElection,
    stream: Callable[[bytes], Callable[[int], bytes]],
) -> None:
    random = Random(1402)
    tasks, those = [], []
    for _ in range(elections):
        election = new_election(group, some_questions(random))
        choices = [some_choice(question, random) for question in election.questions]
        credential = generate(group, secrets.token_bytes)
        tasks.append({"do": "vote", "election": election.json, "credential": credential, "choices": choices})
        those.append(election)
    for election, task, made in zip(those, tasks, browser(tasks), strict=True):
        public = public_credential(task["credential"], election.uuid, group)
        assert made["credential"] == public
        ballot = parse_ballot(election, made["text"])
        verify_ballot(election, ballot)
        assert (ballot.credential, ballot.tracker) == (public, made["tracker"])
        order = parse_order(made["order"], group)
        verify_order(order, election_uuid=election.uuid, tracker=ballot.tracker, credential=public)
        again = generate_ballot(
            election, task["credential"], task["choices"], stream(bytes.fromhex(made["opening"]["seed"]))
        )
        assert json.loads(again)["answers"] == json.loads(made["text"])["answers"]
        # The signature's nonce is not the seed's: else whoever is shown the seed has the credential.
        assert json.loads(again)["signature"] != json.loads(made["text"])["signature"]


def mutations(text: str) -> Iterator[str]:
    """The ballot's text with each leaf of its first answer and of its head changed, one at a time."""
    value = json.loads(text)
    for path in leaves(value):
        changed = copy.deepcopy(value)
        place = changed
        for name in path[:-1]:
            place = place[name]
        leaf = place[path[-1]]
        place[path[-1]] = str(int(leaf) + 1) if leaf.isdecimal() else leaf[:-1] + ("1" if leaf[-1] == "0" else "0")
        yield dump(changed)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, str):
        yield path
    else:
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, name))


def test_both_judge_our_ballots_and_every_change_of_them_alike(browser: Browser, new_election: NewElection) -> None:
    election = new_election(ED25519, [Question("?", ("a",), True, 1, 1)])
    good = generate_ballot(election, generate(ED25519, secrets.token_bytes), [[0, 1]], secrets.token_bytes)
    texts = [good, *mutations(good), f" {good}", good[:-1], good.replace(":", ": ", 1), good + "\n", "[]", ""]
    answers = browser([{"do": "verify", "election": election.json, "ballot": text} for text in texts])
    assert answers[0] == {"tracker": tracker_of(good)}
    for text, answer in zip(texts[1:], answers[1:], strict=True):
        with pytest.raises(BeleniosError) as refusal:
            verify_ballot(election, parse_ballot(election, text))
        assert answer == {"refused": refusal.value.rule}, text


@pytest.fixture
def judges(belenios_tool: Callable[..., str]) -> dict[str, Judge]:
    """By group, a program that somebody else wrote; raises unless it accepts the archive."""

    def tool(archive: Path) -> None:
        belenios_tool("election", "verify", folder=archive.parent)

    def sirona(archive: Path) -> None:
        subprocess.run(["node", SIRONA, "election", "verify"], cwd=archive.parent, check=True, capture_output=True)

    return {"BELENIOS-2048": tool, "Ed25519": sirona}


@pytest.mark.slow
def test_an_election_of_ballots_from_browsers_is_accepted_by_a_program_of_others(
    group: Group,
    browser: Browser,
    tell_story: Callable[[Group], Story],
    write_archive: Callable[[Path, Sequence[tuple[str, list[str]]]], Path],
    judges: dict[str, Judge],
    tmp_path: Path,
) -> None:
    story = tell_story(group)
    votes = [[[0, 1, 0], [1, 1]], [[1, 0, 0], [0, 0]]]
    tasks = [
        {"do": "vote", "election": story.election, "credential": credential, "choices": choices}
        for credential, choices in zip(story.private, votes, strict=False)
    ]
    story.ballots = [made["text"] for made in browser(tasks)]
    story.count_again()
    judges[group.name](write_archive(tmp_path / "election.bel", story.events()))
