"""A single-node Apache Kafka in KRaft mode on the loopback interface, from Maven Central's jars."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tempfile
import uuid
from importlib import resources
from pathlib import Path
from typing import Final

from .cache import default_cache
from .ports import LOOPBACK, free_port, is_listening
from .processes import ChildProcess, ProcessFailed
from .tls import LocalAuthority

# 4.3.1 and 4.4.0 lose the commit marker of a transaction that was acknowledged just before a kill -9
# (seen in test_producer.py: read_committed readers stop there for ever); 4.2.2 and older do not.
KAFKA_VERSION = "4.2.2"  # with another one, kafka-jars.sha256 is to be written anew: sha256sum *.jar
_COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

_SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners={protocol}://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners={protocol}://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name={protocol}
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=3000
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=8388608
metadata.max.idle.interval.ms=0
"""

# The controller's listener is plain and on the loopback interface, so it comes as ANONYMOUS; clients can't, without a
# certificate nobody gets through the other listener.
_SECURED_PROPERTIES = """\
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:ANONYMOUS;User:CN=broker;User:CN=operator
"""

HEAP_MB: Final = 128
"""What a broker's heap has to begin with: it may have four times as much."""

_JVM_FLAGS = (
    f"-Xms{HEAP_MB}m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)
_BROKER_FLAGS = (
    *_JVM_FLAGS,
    # Else its pages are touched one after the other for ten minutes, and look like memory that somebody keeps.
    "-XX:+AlwaysPreTouch",
    # C2's code takes less of a processor than C1's, once it is there. What runs only while a broker starts is not worth
    # its compiling.
    "-XX:CompileThresholdScaling=3",
)
_BROKER_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "16384"}
"""The C library keeps what was freed: for the thread that did, and where it lies between what is still in use. What
each of the JVM's compilers took once, in pieces of 32 KB, would look like memory that ballots take. So threads share
what they have freed, and a piece of that size goes back to the system (mallopt(3))."""
_PROGRAM_FLAGS = (*_JVM_FLAGS, "-XX:TieredStopAtLevel=1")
"""Of what ends at once."""


class KafkaNode:
    """Kafka on fixed ports over one data folder: it can be stopped or killed, and started again."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        cache: Path | None = None,
        authority: LocalAuthority | None = None,
    ) -> None:
        """``directory`` holds data, settings and log; ``cache`` the jars (default: the user's cache).

        With an ``authority`` the broker takes TLS only, from clients with its certificates, and lets each do what it
        was granted; ``CN=operator`` may do everything.
        """
        self._authority = authority
        self.directory = directory
        self.port = port if port is not None else free_port()
        self._controller_port = free_port()
        self._cache = cache if cache is not None else default_cache()
        self._classes = f"-XX:SharedArchiveFile={_class_archive(self._cache)}"
        self._process: ChildProcess | None = None

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` for clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log_path(self) -> Path:
        """What Kafka wrote to its output."""
        return self.directory / "kafka.log"

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    def start(self, *, timeout_s: float = 100) -> None:
        """Format the data folder when it is new, start the broker and wait until it takes connections."""
        if self.pid is not None:
            return
        class_path = f"{install_jars(self._cache)}/*"
        properties = self._write_properties()
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(class_path, properties)
        self._process = ChildProcess(
            "Kafka",
            [_java(), *_BROKER_FLAGS, self._classes, "-cp", class_path, "kafka.Kafka", str(properties)],
            log_path=self.log_path,
            environment={**os.environ, **_BROKER_ENVIRONMENT},
        )
        self._process.wait_until(lambda: is_listening(self.port), timeout_s=timeout_s)

    def stop(self) -> None:
        """Controlled shutdown; the data stays."""
        if self._process is not None:
            self._process.stop(timeout_s=30)

    def kill(self) -> None:
        """``kill -9``: what was acknowledged is in the page cache, and there again after start()."""
        if self._process is not None:
            self._process.kill()

    def _write_properties(self) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "server.properties"
        path.write_text(
            _SERVER_PROPERTIES.format(
                protocol="PLAINTEXT" if self._authority is None else "SSL",
                host=LOOPBACK,
                port=self.port,
                controller_port=self._controller_port,
                data=self.directory / "data",
            )
            + self._secured_properties()
        )
        return path

    def _secured_properties(self) -> str:
        if self._authority is None:
            return ""
        keystore = self.directory / "broker.pem"
        keystore.touch(mode=0o600)
        keystore.write_text(self._authority.issue("broker").joined_pem)
        return _SECURED_PROPERTIES.format(keystore=keystore, truststore=self._authority.ca_file)

    def _format(self, class_path: str, properties: Path) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [_java(), *_PROGRAM_FLAGS, self._classes, "-cp", class_path, "kafka.tools.StorageTool", "format"]
        command += [
            "--feature",
            "transaction.version=1",
            f"--cluster-id={cluster_id}",
            "--config",
            str(properties),
        ]  # an id may begin with a dash
        _run("kafka.tools.StorageTool", command)


def install_jars(cache: Path) -> Path:
    """Copy Kafka's jars into ``cache`` unless they are there, and return their folder.

    The folder appears by an atomic rename, so that an interrupted download never looks complete and
    two programs may install at once; and only when every jar is the one whose SHA-256 is written down.
    """
    jars = cache / f"kafka-{KAFKA_VERSION}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise ProcessFailed("Kafka", "Maven is missing: install it (Debian: apt-get install maven)", "")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=cache) as scratch:
        pom = Path(scratch) / "pom.xml"
        pom.write_text(resources.files(__package__).joinpath("kafka-pom.xml").read_text())
        downloaded = Path(scratch) / "jars"
        command = [maven, "-q", "-B", "-f", str(pom), _COPY_DEPENDENCIES, f"-Dkafka.version={KAFKA_VERSION}"]
        _run("Maven", [*command, "-DincludeScope=runtime", f"-DoutputDirectory={downloaded}"])
        check_jars(downloaded)
        try:
            downloaded.rename(jars)
        except OSError:
            if not jars.is_dir():
                raise
    return jars


def archive_classes(cache: Path) -> None:
    """Write down what the JVM makes of a broker's classes (JEP 350), so that brokers start in half the time.

    Made again when the one that is there is another Java's, or other jars'. Without one the JVM reads the jars as ever.
    """
    archive = _class_archive(cache)
    if _is_usable(archive, install_jars(cache)):
        return
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=cache) as scratch:
        node, written = KafkaNode(Path(scratch), cache=cache), Path(scratch) / archive.name
        node.start()  # formats the data folder, whose program loads other classes
        node.stop()
        node._classes = f"-XX:ArchiveClassesAtExit={written}"
        node.start()
        node.stop()
        written.rename(archive)


def check_jars(folder: Path) -> None:
    """Compare a folder's jars with ``kafka-jars.sha256``: neither another one, nor one more or less.

    Raises:
        ProcessFailed: it names the jars. Nobody runs them.
    """
    listed = resources.files(__package__).joinpath("kafka-jars.sha256").read_text().splitlines()
    expected = {name: digest for digest, name in (line.split() for line in listed)}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.iterdir()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise ProcessFailed("Kafka", "what was downloaded is not what this release was tested with", "\n".join(wrong))


def _class_archive(cache: Path) -> Path:
    return cache / f"kafka-{KAFKA_VERSION}.jsa"


def _is_usable(archive: Path, jars: Path) -> bool:
    """Whether the JVM would start from it: told to start from nothing else, it ends at once where it can't."""
    command = [
        _java(),
        *_PROGRAM_FLAGS,
        "-Xshare:on",
        f"-XX:SharedArchiveFile={archive}",
        "-cp",
        f"{jars}/*",
        "-version",
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own command


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None:
        raise ProcessFailed("Kafka", "Java 17 is missing: install it (Debian: openjdk-17-jre-headless)", "")
    return java


def _run(name: str, command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - fixed programs
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        output = f"{done.stdout}\n{done.stderr}".strip().splitlines()
        raise ProcessFailed(name, f"ended with status {done.returncode}", "\n".join(output[-30:]))


if __name__ == "__main__":
    archive_classes(default_cache())
