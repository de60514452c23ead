"""The problem documents of all services: every refusal has one, in both languages, and programs find them listed."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
from evote_auth.keys.store import KeyStoreUnavailable
from evote_auth.main import PROGRAM as AUTH
from evote_ballot.domain.refusals import OlderThanLast
from evote_ballot.main import PROGRAM as BALLOT
from evote_biometric.main import PROGRAM as BIOMETRIC
from evote_eventlog.errors import EventTooLarge, LogUnavailable, NotReadByAll
from evote_eventlog.events import BallotOrder, OrderSignature
from evote_ledger_anchor.main import PROGRAM as LEDGER_ANCHOR
from evote_platform.access import ACCESS_PROBLEMS, READING_PROBLEMS, Commanded, Reading, limit_address
from evote_platform.auditors import reader_of
from evote_platform.members import MEMBERS
from evote_platform.problems import RATE_LIMITED, Problem, ProblemKind, kind_of_status
from evote_platform.program import Program
from evote_tally.main import PROGRAM as TALLY
from evote_tally.store import LogDisagrees
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

PROGRAMS = {program.service: program for program in (AUTH, BALLOT, BIOMETRIC, LEDGER_ANCHOR, TALLY)}
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
PLACE = re.compile(r"\{(\w+)\}")
SLUG = re.compile(r"[a-z]+(-[a-z]+)*")

every_service = pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())


def package(program: Program) -> ModuleType:
    return importlib.import_module(f"evote_{program.service.replace('-', '_')}")


def modules(program: Program, room: str) -> Iterator[ModuleType]:
    found = importlib.import_module(f"{package(program).__name__}.{room}")
    yield found
    for inner in pkgutil.iter_modules(getattr(found, "__path__", [])):
        yield importlib.import_module(f"{found.__name__}.{inner.name}")


def refusals(program: Program) -> set[type[Exception]]:
    """What the service's domain refuses with: every exception that has no kinds of its own."""
    return {
        value
        for module in modules(program, "domain")
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == module.__name__
        if not value.__subclasses__() and value.__name__ != "Refusal" and module.__name__.endswith(".refusals")
    }


@every_service
def test_every_problem_says_in_both_languages_what_happened_and_what_to_do(program: Program) -> None:
    for kind in program.problems.kinds():
        assert SLUG.fullmatch(kind.slug) and 400 <= kind.status < 600
        for text in (kind.japanese.title, kind.japanese.detail):
            assert JAPANESE.search(text) or PLACE.fullmatch(text), (kind.slug, text)
        for text in (kind.english.title, kind.english.detail):
            assert text.isascii() and text, (kind.slug, text)


@every_service
def test_a_slug_has_one_title_however_many_details_and_statuses(program: Program) -> None:
    titles: dict[str, tuple[str, str]] = {}
    for kind in program.problems.kinds():
        title = (kind.japanese.title, kind.english.title)
        assert titles.setdefault(kind.slug, title) == title


@every_service
def test_every_refusal_of_a_service_has_its_problem(program: Program) -> None:
    assert refusals(program) <= {answer.refusal for answer in program.problems.answers}


@every_service
def test_no_refusal_lacks_a_fact_that_its_problem_tells(program: Program) -> None:
    for answer in program.problems.answers:
        for error in samples(answer.refusal):
            problem = answer.problem(error)
            assert problem.kind in answer.kinds
            document = problem.document()
            assert problem.members.keys() <= set(problem.kind.members), problem.kind.slug
            for name, value in problem.members.items():
                jsonschema.validate(json.loads(json.dumps(value)), MEMBERS[name])
            assert "{" not in document["detail"] + document["en"]["detail"]
            assert problem.response().body


@every_service
def test_whoever_is_to_come_again_is_told_when(program: Program) -> None:
    """Pages, the officers' programs and the load tests wait for as long as Retry-After says."""
    told = [Problem(kind) for kind in (*program.problems.kinds(), kind_of_status(429), kind_of_status(503))]
    told += [answer.problem(error) for answer in program.problems.answers for error in samples(answer.refusal)]
    for problem in told:
        if problem.kind.status in (429, 503):
            assert int(problem.headers["Retry-After"]) >= 1, problem.kind.slug


def test_every_described_member_is_one_of_a_kind_and_the_other_way_round() -> None:
    named = {name for program in PROGRAMS.values() for kind in program.problems.kinds() for name in kind.members}
    assert named == MEMBERS.keys()


@every_service
def test_what_endpoints_raise_has_the_members_that_its_kind_declares(program: Program) -> None:
    """Read from the code: ``Problem(KIND, {"name": …})`` stands in endpoints, which take a request to be reached."""
    rooms = [package(program), importlib.import_module("evote_platform")]
    declared = {name: kind for room in rooms for name, kind in _kinds_by_name(room)}
    for room in rooms:
        for node in _calls(room, "Problem"):
            if len(node.args) > 1 and isinstance(node.args[0], ast.Name) and isinstance(node.args[1], ast.Dict):
                told = {key.value for key in node.args[1].keys if isinstance(key, ast.Constant)}
                assert told <= set(declared[node.args[0].id].members), ast.unparse(node)


def _files(room: ModuleType) -> Iterator[Path]:
    return Path(room.__path__[0]).glob("**/*.py")


def _calls(room: ModuleType, name: str) -> Iterator[ast.Call]:
    for file in _files(room):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield node


def _kinds_by_name(room: ModuleType) -> Iterator[tuple[str, ProblemKind]]:
    for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        if found.name.rsplit(".", 1)[-1] in {"problems", "access", "answering", "bodylimit"}:
            for name, value in vars(importlib.import_module(found.name)).items():
                if isinstance(value, ProblemKind):
                    yield name, value


def samples(refusal: type[Exception]) -> Iterator[Exception]:
    """Occurrences of a refusal: one, or one for each value of a field that is an enumeration."""
    if refusal is LogUnavailable:
        yield LogUnavailable("away")
    elif refusal is KeyStoreUnavailable:
        yield KeyStoreUnavailable("away")
    elif refusal is EventTooLarge:
        yield EventTooLarge(2, 1)
    elif refusal is NotReadByAll:
        yield NotReadByAll("jp.tsukuba.evote.elections.ElectionAbandoned.v1", 2, 1)
    elif refusal is LogDisagrees:
        yield LogDisagrees(1, "other")
    elif refusal is OlderThanLast:
        yield OlderThanLast("t", BallotOrder(number=1, signature=OrderSignature(challenge="0", response="0")))
    elif is_dataclass(refusal) and fields(refusal):
        hints = typing.get_type_hints(refusal)
        for values in zip(*(sample_values(hints[field.name]) for field in fields(refusal)), strict=False):
            yield refusal(*values)
    else:
        yield refusal()


def sample_values(hint: object) -> list[object]:
    """A few values of a field's type, as many for each type."""
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return [*hint] * 2
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        return [
            tuple(sample_values(inner[0])[:2]) if inner[1:] == (...,) else tuple(sample_values(i)[0] for i in inner)
        ]
    if is_dataclass(hint):
        of = typing.get_type_hints(hint)
        return [hint(*(sample_values(of[field.name])[0] for field in fields(hint)))] * 30  # type: ignore[operator]
    plain: dict[object, object] = {str: "x", int: 1, float: 1.5, datetime: datetime(2030, 1, 1, tzinfo=UTC)}
    return [plain[hint]] * 30


@every_service
def test_every_problem_that_a_service_answers_with_is_listed(program: Program) -> None:
    """So that programs and documents can be told all slugs: those that endpoints raise, and those of dependencies."""
    listed = program.problems.kinds()
    defined = [
        value for module in modules(program, "api") for value in vars(module).values() if isinstance(value, ProblemKind)
    ]
    asked_first = {call for router in program.routers for route in router.routes for call in dependencies(route)}
    if any(isinstance(call, Commanded) for call in asked_first):
        defined += ACCESS_PROBLEMS
    if any(isinstance(call, Reading) or call is reader_of for call in asked_first):
        defined += READING_PROBLEMS
    if limit_address in asked_first:
        defined += [RATE_LIMITED]
    assert {kind.slug for kind in defined} <= {kind.slug for kind in listed}
    assert all(kind in listed for kind in defined)


def dependencies(route: object) -> Iterator[object]:
    assert isinstance(route, APIRoute)
    waiting: list[Dependant] = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        yield dependant.call
        waiting += dependant.dependencies
