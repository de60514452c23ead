"""The fronts, each on an origin of its own: pages as they are built, served by nginx as `web/edge` says."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from evote_officers.acts import PUBLISH_FRONT
from evote_platform.clock import utc_now
from evote_verify.reading.front_manifest import MANIFEST, SignedManifest, build_files, new_manifest

from ..nodes.ports import LOOPBACK, free_port, is_listening
from ..nodes.processes import ChildProcess, ProcessFailed, Running
from ..people.staff import Staff

_WEB: Final = Path(__file__).parents[4] / "web"
# Not on everybody's PATH.
NGINX: Final = Path("/usr/sbin/nginx")
NGINX_MAIN: Final = """\
daemon off;
# One process, which ends with the program that started it.
master_process off;
pid {here}/nginx.pid;
error_log stderr;
events {{ }}
http {{
  include /etc/nginx/mime.types;
  client_body_temp_path {here}/temp;
  proxy_temp_path {here}/temp;
  fastcgi_temp_path {here}/temp;
  uwsgi_temp_path {here}/temp;
  scgi_temp_path {here}/temp;
  include {here}/site.conf;
}}
"""
"""Around the city's configuration of a site: what Debian's own main file says there, for the folder ``here``."""


@dataclass(frozen=True)
class FrontConfig:
    """What the page reads as `config.json` (web/README.md)."""

    authority: str
    helpdesk: str
    services: Mapping[str, str]
    """The origins of ``auth``, ``ballot``, ``biometric``, ``log`` and ``tally``."""
    receipt_key: str
    """Base64 of ballot's Ed25519 key."""
    log_key: str
    card: bool
    """Whether auth takes cards in a reader."""
    code_key: str | None
    """Base64 of auth's X25519 key for voting codes; None: no voting by face."""
    phone_app: str | None
    """The origin of the provider of マイナアプリ; None: no voting by phone."""
    check_page: str


@dataclass(frozen=True)
class PublicConfig:
    """What the public pages read as `config.json` (web/README.md)."""

    helpdesk: str
    services: Mapping[str, str]
    """The origins of ``ballot``, ``log`` and ``tally``."""
    receipt_key: str
    witness_policy: str


@dataclass(frozen=True)
class WallConfig:
    """What the city's wall and its nginx read as `config.json` (web/README.md)."""

    helpdesk: str
    election: str
    services: Mapping[str, str]
    """The origins of ``ballot``, ``log``, ``tally`` and ``prometheus``."""
    officers: Mapping[str, Any]
    """Who may say something there: the deployment's name, and each officer's keys, as on the roster."""
    ways: Sequence[str]
    previous: Mapping[str, Any] | None
    """The election before; None: none to compare with."""


Pages = Literal["resident", "board", "city"]


class Front(Running):
    """Built anew at each start, so that it is never older than its sources."""

    def __init__(self, directory: Path, pages: Pages, staff: Staff) -> None:
        """``directory`` takes page, configuration and log; ``pages`` is their folder in ``web``; ``staff`` sign it."""
        self._staff = staff
        self._directory = directory
        self._pages = pages
        self._port, self._metrics_port = free_port(), free_port()
        self._config: FrontConfig | PublicConfig | WallConfig | None = None
        self._process: ChildProcess | None = None

    @property
    def site(self) -> Path:
        """The build that is served; after :meth:`start`."""
        return self._directory / "site"

    @property
    def announcements(self) -> Path:
        """What the wall shows of what the city's staff say (``evote wall``)."""
        return self._directory / "announcements" / "announcements.json"

    @property
    def origin(self) -> str:
        """As browsers write it."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def metrics(self) -> str:
        """Where it tells Prometheus that it is there, as ``host:port``."""
        return f"{LOOPBACK}:{self._metrics_port}"

    def configure(self, config: FrontConfig | PublicConfig | WallConfig) -> None:
        """Say who the city is and where its services are; before :meth:`start`."""
        self._config = config

    def start(self) -> None:
        """Build the page and serve it, unless it is served already; ``ProcessFailed`` where that doesn't work."""
        if self._process is not None:
            return
        if self._config is None:
            raise ProcessFailed("the front", "was not configured", "")
        site = self.site
        site.mkdir(parents=True, exist_ok=True)
        (self._directory / "temp").mkdir(exist_ok=True)
        _run(
            "vite",
            _WEB / self._pages,
            "../node_modules/vite/bin/vite.js",
            "build",
            "--outDir",
            str(site),
            "--emptyOutDir",
        )
        _run("the front's seal", _WEB, "shared/build/seal.mjs", str(site))
        config = self._directory / "config.json"
        config.write_text(json.dumps(asdict(self._config), ensure_ascii=False))
        allowed = _run("the front's policy", _WEB, "edge/connect-src.mjs", str(config))
        (self._directory / "connect-src.conf").write_text(allowed)
        shutil.copy(_WEB / "edge/headers.conf", self._directory)
        built = _run("the front's release", _WEB, "edge/build.mjs", self._pages, version("evote-local"))
        (self._directory / "build.conf").write_text(built)
        if self._pages == "city":
            self.announcements.parent.mkdir(exist_ok=True)
            reads = _run("the wall's addresses", _WEB, "edge/reads.mjs", "city/read/reads.json")
            (self._directory / "reads.conf").write_text(reads.replace("/etc/evote-front", str(self._directory)))
        manifest = new_manifest(self.origin, build_files(site), config.read_bytes())
        statements = self._staff.command(PUBLISH_FRONT, PUBLISH_FRONT.path, manifest.text.encode(), utc_now())
        (self._directory / MANIFEST).write_text(SignedManifest(manifest, tuple(statements)).text)
        (self._directory / "site.conf").write_text(self._site_conf(site))
        main = self._directory / "nginx.conf"
        main.write_text(NGINX_MAIN.format(here=self._directory))
        self._process = ChildProcess(
            "nginx",
            [str(NGINX), "-p", str(self._directory), "-c", str(main), "-e", "stderr"],
            log_path=self._directory / "nginx.log",
        )
        self._process.wait_until(lambda: is_listening(self._port), timeout_s=60)

    def stop(self) -> None:
        """Stop nginx, if it runs; safe to repeat."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _site_conf(self, site: Path) -> str:
        """The city's configuration of nginx, at this place and these ports."""
        conf = (_WEB / "edge/nginx.conf").read_text("utf-8")
        for cities, ours in (
            ("listen 8080;", f"listen {LOOPBACK}:{self._port};"),
            ("listen 8081;", f"listen {self.metrics};"),
            ("/srv/resident", str(site)),
            ("/etc/evote-front", str(self._directory)),
        ):
            if cities not in conf:
                raise ProcessFailed("the front", f"web/edge/nginx.conf has no {cities!r} any more", "")
            conf = conf.replace(cities, ours)
        return conf


def _run(name: str, directory: Path, *program: str) -> str:
    """What a program of Node prints."""
    done = subprocess.run(  # noqa: S603 - our own programs
        ["node", *program],  # noqa: S607
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ProcessFailed(name, f"ended with status {done.returncode}", (done.stdout + done.stderr)[-4000:])
    return done.stdout
