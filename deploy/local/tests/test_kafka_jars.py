"""Kafka's jars are run only when they are those whose SHA-256 this release wrote down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from evote_local.nodes.cache import default_cache
from evote_local.nodes.kafka import KAFKA_VERSION, KafkaNode, archive_classes, check_jars, install_jars
from evote_local.nodes.processes import ProcessFailed

pytestmark = pytest.mark.stack
KAFKA = "kafka_2.13-4.2.2.jar"


@pytest.fixture
def downloaded(tmp_path: Path) -> Path:
    """The real jars, in a folder of links."""
    for jar in install_jars(default_cache()).iterdir():
        (tmp_path / jar.name).symlink_to(jar)
    return tmp_path


def test_the_jars_that_tests_run_with_are_those_written_down(downloaded: Path) -> None:
    check_jars(downloaded)


def exchange(folder: Path) -> None:
    (folder / KAFKA).unlink()
    (folder / KAFKA).write_bytes(b"another")


def take_away(folder: Path) -> None:
    (folder / KAFKA).unlink()


def add(folder: Path) -> None:
    (folder / "more.jar").write_bytes(b"")


@pytest.mark.parametrize(("change", "named"), [(exchange, KAFKA), (take_away, KAFKA), (add, "more.jar")])
def test_a_jar_that_is_another_one_too_many_or_missing_is_named(
    downloaded: Path, change: Callable[[Path], None], named: str
) -> None:
    change(downloaded)
    with pytest.raises(ProcessFailed) as failed:
        check_jars(downloaded)
    assert failed.value.log_tail.split() == [named]


@pytest.mark.slow
def test_a_broker_takes_its_classes_from_an_archive_that_fits_java_and_jars(tmp_path: Path) -> None:
    """As after an upgrade of Java: what was archived before is of no use, and is made anew."""
    (tmp_path / "cache").mkdir()
    jars = tmp_path / "cache" / f"kafka-{KAFKA_VERSION}"
    jars.symlink_to(install_jars(default_cache()))
    archive = tmp_path / "cache" / f"kafka-{KAFKA_VERSION}.jsa"
    archive.write_bytes(b"of another Java")
    archive_classes(tmp_path / "cache")
    node = KafkaNode(tmp_path / "kafka", cache=tmp_path / "cache")
    node.start()
    try:
        assert str(archive) in Path(f"/proc/{node.pid}/maps").read_text()
    finally:
        node.kill()
