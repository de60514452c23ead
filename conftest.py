"""Fixtures that every package may use: one real Kafka and one real PostgreSQL for a run, and a chain for a test."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from evote_eventlog.events import Topic
from evote_eventlog.kafka import DEFAULT_PARTITIONS, KafkaSettings
from evote_eventlog.topics import create_topics
from evote_local.nodes.anvil import AnvilNode
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.postgres import PostgresServer
from evote_local.nodes.softhsm import SoftToken
from evote_local.testbed import lengthened, scratch
from evote_platform.database import migrate
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# How long an example takes tells how busy the machine is, and nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
# In CI Hypothesis would draw the same examples each time, and keep none that fails: the fuzzer draws others, and prints
# what draws a failing one again (`make fuzz-core`).
settings.register_profile("fuzz", derandomize=False, print_blob=True)

SLOW_TEST_S, STACK_TEST_S = 600, 120
"""After so long a test has hung that is marked as slow, or one that uses the stack, which the first of a run starts.

The others' limit is in pyproject.toml.
"""

_LIMITS = (
    "evote_eventlog.producer.PUBLISH_TIMEOUT_S",
    "evote_eventlog.transactional.PUBLISH_TIMEOUT_S",
    "evote_eventlog.reading._LOOKED_WITHIN_S",
    "evote_platform.reads.ACQUIRE_WITHIN_S",
)

TEST_PARTITIONS = {**DEFAULT_PARTITIONS, Topic.BALLOTS: 3, Topic.IDENTITY: 3}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the stack's fixtures; give it and slow tests their limit, unless they name one of their own."""
    for item in items:
        if isinstance(item, pytest.Function) and {"kafka_node", "postgres_server", "anvil"} & set(item.fixturenames):
            item.add_marker(pytest.mark.stack)
        if item.get_closest_marker("timeout"):
            continue
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(SLOW_TEST_S))
        elif item.get_closest_marker("stack"):
            item.add_marker(pytest.mark.timeout(STACK_TEST_S))


@pytest.fixture(scope="session")
def left_out() -> Callable[[str], NoReturn]:
    """Leaves a test out, and says why: a machine may lack what it needs. With ``CI=true`` that fails instead."""

    def leave_out(why: str) -> NoReturn:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)

    return leave_out


_SHARE_A_PLATFORM = ("tests/e2e/standing", "tests/e2e/faces")


class _ByPlatform(LoadFileScheduling):
    """Gives each process file after file; the files that share a platform as one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((folder for folder in _SHARE_A_PLATFORM if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _ByPlatform:
    return _ByPlatform(config, log)


@pytest.fixture(scope="session")
def stack_directory() -> Iterator[Path]:
    """A folder outside pytest's own, which PostgreSQL's unprivileged user could not enter."""
    directory = Path(tempfile.mkdtemp(prefix="evote-stack-", dir=scratch()))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka_node(stack_directory: Path) -> Iterator[KafkaNode]:
    """One Kafka for the whole run. A test that stops its broker starts a node of its own."""
    node = KafkaNode(stack_directory / "kafka")
    node.start()
    yield node
    node.kill()


@pytest.fixture(scope="session")
def postgres_server(stack_directory: Path) -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole run. A test that stops the server starts one of its own.

    It doesn't wait for the disk: each test's database is made and dropped, and each drop would write all others out.
    """
    server = PostgresServer(stack_directory / "postgres", settings={"fsync": "off", "full_page_writes": "off"})
    server.start()
    yield server
    server.kill()


@pytest.fixture
def patience() -> Iterator[ExitStack]:
    """After seconds without an answer of Kafka or PostgreSQL a service tells its client to come again. A busy machine
    stops them for as long: whoever uses those of the run waits for them.
    """
    with lengthened(*_LIMITS) as limits:
        yield limits


@pytest.fixture
def as_deployed(patience: ExitStack) -> None:
    """For tests of those limits: they are the services' own."""
    patience.close()


@pytest.fixture
async def kafka(kafka_node: KafkaNode, patience: ExitStack) -> AsyncIterator[KafkaSettings]:
    """Fresh topics of this test alone, under a random prefix; gone after it, as each client would list them all."""
    settings = KafkaSettings(kafka_node.bootstrap_servers, f"test-{secrets.token_hex(6)}.")
    await create_topics(settings, TEST_PARTITIONS)
    yield settings
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    await admin.delete_topics([settings.topic_name(topic) for topic in TEST_PARTITIONS])
    await admin.close()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """A database with every service's empty tables, made once: services don't migrate when they start."""
    # Imported here, as it takes three seconds and most tests need no database.
    from evote_auth.service import SCHEMA as AUTH
    from evote_ballot.service import SCHEMA as BALLOT
    from evote_biometric.service import SCHEMA as BIOMETRIC
    from evote_ledger_anchor.service import SCHEMA as LEDGER
    from evote_tally.service import SCHEMA as TALLY

    name = "migrated"
    url = SecretStr(postgres_server.create_database(name))
    for schema in (AUTH, BALLOT, BIOMETRIC, LEDGER, TALLY):
        migrate(url, schema)
    return name


@pytest.fixture
def database_url(postgres_server: PostgresServer, migrated_template: str, patience: ExitStack) -> Iterator[str]:
    """A fresh database of this test alone, with every service's empty tables."""
    name = f"test_{secrets.token_hex(6)}"
    yield postgres_server.create_database(name, template=migrated_template)
    postgres_server.drop_database(name)


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[AnvilNode]:
    """An Ethereum chain of this test alone, with a block for each transaction."""
    node = AnvilNode(tmp_path / "anvil")
    node.start()
    yield node
    node.kill()


@pytest.fixture(scope="session")
def soft_token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    """One PKCS#11 token for the whole run: a process can load its module, with its settings, only once."""
    token = SoftToken(tmp_path_factory.mktemp("softhsm"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in token.environment.items():
            patch.setenv(name, value)
        yield token
