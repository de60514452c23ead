"""Asking one witness for its cosignature (C2SP tlog-witness), without trusting it in anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from evote_tlog.checkpoint import NoteSignature, parse_note
from evote_tlog.errors import MalformedNote, SignatureError
from evote_tlog.policy import PolicyWitness
from evote_tlog.text import parse_decimal
from evote_tlog.witness import AddCheckpoint, format_add_checkpoint

from .store import StoredCheckpoint

ANSWER_TIMEOUT_S: Final = 5.0
"""How long a witness may take for one checkpoint, with all its requests."""

_MAX_ANSWER_BYTES = 16 * 1024
_IDLE_S = 2.0
"""How long a connection is kept for the next question: none shall meet one that the witness has just closed."""
_MAX_REQUESTS = 3  # one that learns the witness's size, one from there, and one more should another replica be asking
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 60.0

Prove = Callable[[int, int], Awaitable[Sequence[bytes]]]
"""The consistency proof from one size to another (RFC 9162, section 2.1.4)."""


class Outcome(StrEnum):
    """What came of asking a witness."""

    COSIGNED = "cosigned"
    AHEAD = "ahead"
    """It has cosigned a larger checkpoint of this log than there is here: the log has lost something."""
    INCONSISTENT = "inconsistent"
    """It says that the checkpoint does not continue what it saw."""
    REFUSED = "refused"
    """Another status: it does not know the log or its key, or is out of order."""
    MALFORMED = "malformed"
    """Its answer is not one."""
    FORGED = "forged"
    """Its cosignature does not hold."""
    SLOW = "slow"
    """No answer in time."""
    UNREACHABLE = "unreachable"


class WitnessFailed(Exception):
    """No cosignature. Fields: ``outcome`` and ``reason``."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(f"{outcome}: {reason}")
        self.outcome = outcome
        self.reason = reason


@dataclass
class Backoff:
    """When a witness that failed may be asked again: after 2 s, 4 s, 8 s … up to a minute."""

    failures: int = 0
    until: float = 0.0

    def failed(self, now: float) -> None:
        """Note a failure; ``now`` in seconds of a monotonic clock."""
        self.failures += 1
        # The exponent is bounded: a witness may be away for a year.
        self.until = now + min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(self.failures - 1, 10))

    def succeeded(self) -> None:
        """Forget the failures."""
        self.failures, self.until = 0, 0.0


@asynccontextmanager
async def open_http() -> AsyncIterator[ClientSession]:
    """A client that keeps connections and takes nothing from the environment, or from a witness, but answers.

    Each checkpoint is shown to every witness, and httpx takes far more of a processor for a question.
    """
    async with ClientSession(
        connector=TCPConnector(keepalive_timeout=_IDLE_S),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(),  # no limits but ours, for all that a witness is asked of a checkpoint
        auto_decompress=False,  # what is counted below is what is kept: no answer unpacks to more
        trust_env=False,
    ) as session:
        yield session


class WitnessClient:
    """One witness, and what is known of it."""

    def __init__(self, witness: PolicyWitness, http: ClientSession) -> None:
        """``witness`` must have a URL."""
        self.name = witness.name
        self.backoff = Backoff()
        self._key = witness.key
        self._url = f"{(witness.url or '').rstrip('/')}/add-checkpoint"
        self._http = http
        self._known = 0
        """The size that it cosigned last, as far as is known; it says when that is wrong."""

    async def cosign(self, checkpoint: StoredCheckpoint, prove: Prove) -> NoteSignature:
        """Its cosignature on a checkpoint, verified.

        Raises:
            WitnessFailed: it gave none.
        """
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await self._ask(checkpoint, prove)
        except TimeoutError as error:
            raise WitnessFailed(Outcome.SLOW, f"no answer within {ANSWER_TIMEOUT_S:g} s") from error

    async def _ask(self, checkpoint: StoredCheckpoint, prove: Prove) -> NoteSignature:
        for _ in range(_MAX_REQUESTS):
            proof = await prove(self._known, checkpoint.size) if self._known else ()
            status, answer = await self._post(AddCheckpoint(self._known, tuple(proof), checkpoint.note))
            if status == 200:
                self._known = checkpoint.size
                return self._verified(checkpoint, answer)
            if status == 422:
                raise WitnessFailed(Outcome.INCONSISTENT, answer[:200])
            if status != 409:
                raise WitnessFailed(Outcome.REFUSED, f"status {status}: {answer[:200]}")
            self._learn(answer, checkpoint.size)
        raise WitnessFailed(Outcome.MALFORMED, "it names another size each time")

    async def _post(self, request: AddCheckpoint) -> tuple[int, str]:
        """The status and the text of the answer, which is not read beyond what an answer can be."""
        headers = {"Content-Type": "text/plain; charset=utf-8", "Accept-Encoding": "identity"}
        body, answer = format_add_checkpoint(request), bytearray()
        try:
            async with self._http.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                async for chunk in response.content.iter_any():
                    answer += chunk
                    if len(answer) > _MAX_ANSWER_BYTES:
                        raise WitnessFailed(Outcome.MALFORMED, f"an answer of more than {_MAX_ANSWER_BYTES} bytes")
        except (ClientError, OSError) as error:
            raise WitnessFailed(Outcome.UNREACHABLE, type(error).__name__) from error
        return response.status, answer.decode(errors="replace")

    def _learn(self, answer: str, size: int) -> None:
        try:
            self._known = parse_decimal(answer.removesuffix("\n"))
        except MalformedNote as error:
            raise WitnessFailed(Outcome.MALFORMED, "a conflict without the size") from error
        if self._known > size:
            known, self._known = self._known, 0  # ask anew next time: what one witness claims must not stick
            raise WitnessFailed(Outcome.AHEAD, f"it has cosigned size {known}, and there are {size} entries here")

    def _verified(self, checkpoint: StoredCheckpoint, answer: str) -> NoteSignature:
        """Tlog-witness: the answer, behind the checkpoint, is a note; lines of other keys are passed over."""
        try:
            note = parse_note(checkpoint.note + answer)
            self._key.verify(note)
        except MalformedNote as error:
            raise WitnessFailed(Outcome.MALFORMED, error.reason) from error
        except SignatureError as error:
            raise WitnessFailed(Outcome.FORGED, error.reason) from error
        return note.of(self._key.name, self._key.key_id)[0]
