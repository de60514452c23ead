"""What a picture could do that took its decoder over: the attacker is in the process, and finds nothing."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from evote_biometric.engine.confinement import NOBODY, namespaces_are_allowed
from evote_biometric.engine.decoding import Decoder, Limits
from PIL import Image

IN_THE_PROCESS = """
import json, os, socket, sys
from pathlib import Path
from evote_biometric.engine.confinement import confine

socket.getaddrinfo("127.0.0.1", 1)  # loads what it needs
apart = confine()

def works(attempt):
    try:
        attempt()
    except OSError:
        return False
    return True

attempts = {
    "a file": lambda: open("/etc/passwd"),
    "the service's environment": lambda: open(f"/proc/{os.getppid()}/environ"),
    "a socket": lambda: socket.socket(),
    "a local socket": lambda: socket.socketpair(),
    "a child": lambda: os._exit(0) if os.fork() == 0 else None,
    "root again": lambda: os.setresuid(0, 0, 0),
}
found = [name for name, attempt in attempts.items() if works(attempt)]
print(json.dumps({"apart": apart, "works": found}))
"""


BECOMES_NOBODY = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
os.setgroups([])
os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
libc.prctl(4, 1, 0, 0, 0)  # readable again, as a process is that began as nobody's
"""
READS_THE_MEMORY_OF = f"""{BECOMES_NOBODY}
nowhere = (ctypes.c_void_p * 2)(4096, 1)
libc.process_vm_readv(int(sys.argv[1]), nowhere, 1, nowhere, 1, 0)
print(os.strerror(ctypes.get_errno()))
"""
"""At an address where nothing is: EFAULT to who may."""
WAITS = "import signal; print('up', file=sys.stderr, flush=True); signal.pause()"
"""For the signal that ends it, since a worker's stdin ends at once: it keeps its pipes to itself."""
PLAIN = f"{BECOMES_NOBODY}{WAITS}"
SERVICE = f"""
from evote_biometric import main
{BECOMES_NOBODY}
main.Program.run = lambda _: exec({WAITS!r})
main.main()
"""
WORKER = f"""
from evote_biometric.inference.worker import serve_readings
{BECOMES_NOBODY}
serve_readings(lambda: exec({WAITS!r}))
"""


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoder]:
    monkeypatch.setenv("EVOTE_DATABASE_URL", "postgresql://biometric:secret@db/evote")
    with Decoder(Limits()) as one:
        yield one


def test_the_decoder_has_none_of_the_services_environment(decoder: Decoder) -> None:
    assert "EVOTE_DATABASE_URL" in os.environ
    assert set(_environment(_started(decoder))) == {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}


def test_the_decoder_may_open_and_start_nothing(decoder: Decoder) -> None:
    limits = Path(f"/proc/{_started(decoder)}/limits").read_text().splitlines()
    most = {line[:26].strip(): line[26:47].strip() for line in limits}
    assert {most[name] for name in ("Max open files", "Max processes", "Max file size", "Max core file size")} == {"0"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_decoder_that_root_starts_is_nobodys(decoder: Decoder) -> None:
    status = Path(f"/proc/{_started(decoder)}/status").read_text().splitlines()
    ids = {line.split(":")[0]: line.split()[1:] for line in status if line.startswith(("Uid", "Gid"))}
    assert ids == {"Uid": [str(NOBODY)] * 4, "Gid": [str(NOBODY)] * 4}


def test_whoever_takes_the_process_over_reaches_no_file_network_or_child() -> None:
    done = subprocess.run([sys.executable, "-c", IN_THE_PROCESS], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["works"] == []


def test_where_the_kernel_allows_it_the_decoder_has_a_network_of_its_own(decoder: Decoder) -> None:
    alone = subprocess.run(["unshare", "--user", "--net", "true"], capture_output=True, check=False)
    assert namespaces_are_allowed() == (alone.returncode == 0)
    if alone.returncode != 0:
        pytest.skip(f"the kernel allows no namespaces here: {alone.stderr.decode().strip()}")
    pid = _started(decoder)
    for kind in ("net", "user", "ipc"):
        assert Path(f"/proc/{pid}/ns/{kind}").readlink() != Path(f"/proc/self/ns/{kind}").readlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_whoever_takes_the_decoder_over_reads_no_memory_of_service_or_worker_though_they_are_one_user() -> None:
    """As in a container that may make no namespaces."""
    said = {}
    for name, program in {"plain": PLAIN, "service": SERVICE, "worker": WORKER}.items():
        pipe = subprocess.PIPE
        with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, stderr=pipe) as one:
            try:
                assert one.stderr is not None and one.stderr.readline() == b"up\n"
                reads = [sys.executable, "-c", READS_THE_MEMORY_OF, str(one.pid)]
                done = subprocess.run(reads, capture_output=True, text=True, check=True)
            finally:
                one.kill()
        said[name] = done.stdout.strip()
    if said.pop("plain") != os.strerror(errno.EFAULT):
        pytest.skip("this kernel lets nobody read another process's memory")
    assert said == dict.fromkeys(("service", "worker"), os.strerror(errno.EPERM))


def _started(decoder: Decoder) -> int:
    stream = io.BytesIO()
    Image.new("RGB", (120, 120)).save(stream, "PNG")
    decoder.decode(stream.getvalue())
    assert decoder._process is not None
    return decoder._process.pid


def _environment(pid: int) -> list[str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return [entry.split(b"=")[0].decode() for entry in entries if entry]
