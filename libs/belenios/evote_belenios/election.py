"""An election's fixed parameters: its questions, its public key and its fingerprint."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from . import native
from .errors import ElectionError, NotSupported
from .groups import ED25519, Element, Group, Power, Random, group_by_name
from .jsontext import Fields, Json, dump, load

if TYPE_CHECKING:
    from evote_belenios_core import Election as CompiledElection

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_UUID = re.compile(rf"[{BASE58}]{{14,64}}", re.ASCII)
_UUID_LENGTH = 14
_VERSION = 1
_MOST_QUESTIONS = 100
_MOST_ANSWERS = 1000
_ELECTIONS, _QUESTIONS = "Elections", "Questions"


@dataclass(frozen=True)
class Question:
    """A homomorphic question (specification, "Homomorphic questions").

    Between ``min`` and ``max`` answers may be chosen; with ``blank``, also none of them as a blank vote.
    """

    question: str
    answers: tuple[str, ...]
    blank: bool
    min: int
    max: int

    @property
    def choices(self) -> int:
        """How many ciphertexts an answer has: one for each answer, and first one for a blank vote."""
        return len(self.answers) + int(self.blank)

    def to_json(self) -> Json:
        """The ``question_h`` structure, its fields in the spec's order."""
        blank: dict[str, Json] = {"blank": True} if self.blank else {}
        return {
            "answers": list(self.answers),
            **blank,
            "min": self.min,
            "max": self.max,
            "question": self.question,
        }


@dataclass(frozen=True)
class Election:
    """The ``election`` structure together with its exact text, which is what everything is bound to."""

    json: str
    uuid: str
    name: str
    description: str
    group: Group
    public_key: Element
    questions: tuple[Question, ...]
    administrator: str | None
    credential_authority: str | None
    language: str | None

    @cached_property
    def fingerprint(self) -> str:
        """φ: the unpadded base64 of SHA-256 of the exact text."""
        return base64.b64encode(hashlib.sha256(self.json.encode()).digest()).decode().rstrip("=")

    @cached_property
    def y_power(self) -> Power:
        """Raises the election's public key y; its table is made once."""
        return self.group.fixed_base(self.public_key)

    @cached_property
    def y_secret_power(self) -> Power:
        """Raises y to secret exponents; its table is made once."""
        return self.group.secret_fixed_base(self.public_key)

    @property
    def compiled(self) -> CompiledElection | None:
        """This election in the compiled core; ``None`` where Python does its work."""
        return None if native.core is None else self._compiled

    @cached_property
    def _compiled(self) -> CompiledElection | None:
        if native.core is None or self.group is not ED25519:
            return None
        questions = [(len(asked.answers), asked.blank, asked.min, asked.max) for asked in self.questions]
        try:
            return native.core.Election(self.uuid, self.fingerprint, cast(bytes, self.public_key), questions)
        except OverflowError:
            return None  # nobody has as many choices as such a question allows; the reference is there for it

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Worker processes parse the text again: tables don't travel."""
        return parse_election, (self.json,)


def parse_election(json_text: str) -> Election:
    """Read ``election.json``.

    It takes what belenios-tool takes, also what nobody would draft (:func:`oddities`). Raises ``EncodingError`` for
    malformed text or a bad public key, ``ElectionError`` for questions that no ballot can answer, and ``NotSupported``
    for another version, an unknown group and questions that are not homomorphic.
    """
    fields = Fields(load(json_text), "election")
    version = fields.integer("version")
    if version != _VERSION:
        raise NotSupported("election-version", _ELECTIONS, f"version {version} is not {_VERSION}")
    group = group_by_name(fields.text("group"))
    election = Election(
        json=json_text,
        uuid=_checked_uuid(fields.text("uuid")),
        name=fields.text("name"),
        description=fields.text("description"),
        group=group,
        public_key=group.decode(fields.text("public_key")),
        questions=tuple(_parse_question(value) for value in fields.array("questions")),
        administrator=fields.text("administrator") if fields.has("administrator") else None,
        credential_authority=(fields.text("credential_authority") if fields.has("credential_authority") else None),
        language=_language(fields.texts("language")) if fields.has("language") else None,
    )
    fields.end()
    return election


def oddities(election: Election) -> Iterator[str]:
    """What an auditor should know of an election's parameters, though belenios-tool takes it."""
    if not 1 <= len(election.questions) <= _MOST_QUESTIONS:
        yield f"the election has {len(election.questions)} questions"
    for number, question in enumerate(election.questions, 1):
        try:
            check_question(question)
        except ElectionError as error:
            yield f"question {number}: {error.detail}"


def election_json(
    *,
    group: Group,
    uuid: str,
    name: str,
    description: str,
    questions: Sequence[Question],
    public_key: str,
    administrator: str,
    credential_authority: str,
) -> str:
    """The text of a new election; ``public_key`` is the encoded element.

    Raises what parsing raises, and ``ElectionError`` (``election-questions``) for questions nobody should be asked.
    """
    if not 1 <= len(questions) <= _MOST_QUESTIONS:
        raise ElectionError("election-questions", _QUESTIONS, f"there are 1 to {_MOST_QUESTIONS} questions")
    for question in questions:
        check_question(question)
    text = dump(
        {
            "version": _VERSION,
            "description": description,
            "name": name,
            "group": group.name,
            "public_key": public_key,
            "questions": [question.to_json() for question in questions],
            "uuid": uuid,
            "administrator": administrator,
            "credential_authority": credential_authority,
        }
    )
    parse_election(text)
    return text


def check_question(question: Question) -> None:
    """Raise ``ElectionError`` unless the question can be answered: 0 ≤ min ≤ max ≤ number of answers."""
    answers = len(question.answers)
    if not 1 <= answers <= _MOST_ANSWERS:
        raise ElectionError("election-questions", _QUESTIONS, f"a question has 1 to {_MOST_ANSWERS} answers")
    if not 0 <= question.min <= question.max <= answers or question.max == 0:
        raise ElectionError(
            "election-questions",
            _QUESTIONS,
            f"min {question.min} and max {question.max} don't fit {answers} answers",
        )


def new_uuid(random: Random) -> str:
    """A random election identifier of 14 Base58 characters."""
    return random_base58(_UUID_LENGTH, random)


def random_base58(length: int, random: Random) -> str:
    """Uniform Base58 characters; the 16 bytes of surplus make the bias negligible."""
    number = int.from_bytes(random(length + 16), "big")
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 58)
        digits.append(BASE58[digit])
    return "".join(digits)


def _parse_question(value: Json) -> Question:
    fields = Fields(value, "question")
    if fields.has("type"):
        raise NotSupported("election-questions", _QUESTIONS, f"questions of the type {fields.value('type')!r:.40}")
    answers = fields.array("answers")
    if not all(isinstance(answer, str) for answer in answers):
        raise ElectionError("election-questions", _QUESTIONS, "an answer is not a string")
    question = Question(
        question=fields.text("question"),
        answers=tuple(str(answer) for answer in answers),
        blank=fields.has("blank") and fields.boolean("blank"),
        min=fields.integer("min"),
        max=fields.integer("max"),
    )
    fields.end()
    if not question.answers or not 0 <= question.min <= question.max:
        raise ElectionError("election-questions", _QUESTIONS, "no ballot can answer a question")
    return question


def _language(parts: Sequence[str]) -> str:
    """The pair of a language and its direction (since 3.3)."""
    if len(parts) != 2 or parts[1] not in ("ltr", "rtl"):
        raise ElectionError("election-language", _ELECTIONS, "not a language and its direction")
    return parts[0]


def _checked_uuid(uuid: str) -> str:
    if not _UUID.fullmatch(uuid):
        raise ElectionError("election-uuid", "Basic types", "a uuid is 14 to 64 Base58 characters")
    return uuid
