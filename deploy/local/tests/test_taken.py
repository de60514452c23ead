"""A run says of which tree and on which Python it was taken, when it is taken."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from evote_local.referendum.taken import interpreter, taken_by


def _git(tree: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.jp", *words]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "--quiet")
    (tmp_path / "measured.py").write_text("one = 1\n")
    _git(tmp_path, "add", "measured.py")
    _git(tmp_path, "commit", "--quiet", "--no-gpg-sign", "--message", "One")
    return tmp_path


def test_the_commit_is_the_one_that_was_measured_not_a_tag_and_not_a_later_one(tree: Path) -> None:
    _git(tree, "tag", "--no-sign", "v1.0.0")
    measured = _git(tree, "rev-parse", "HEAD")
    taken = taken_by("make demo", tree)
    _git(tree, "commit", "--quiet", "--no-gpg-sign", "--allow-empty", "--message", "Keep the run")
    assert taken["commit"] == measured != _git(tree, "rev-parse", "HEAD")


def test_changes_to_what_git_tracks_make_the_tree_dirty_and_outputs_do_not(tree: Path) -> None:
    (tree / "figures.json").write_text("{}")
    assert taken_by("make demo", tree)["commit"] == _git(tree, "rev-parse", "HEAD")
    (tree / "measured.py").write_text("one = 2\n")
    assert taken_by("make demo", tree)["commit"] == f"{_git(tree, 'rev-parse', 'HEAD')}-dirty"


@pytest.mark.parametrize(
    ("prefix", "arguments", "said"),
    [
        ("/usr", "'--enable-shared'", "(Debian 12)"),
        ("/opt/3.11", "'--enable-shared'", "(not the system's, built without --enable-optimizations)"),
        ("/opt/3.11", "'--enable-optimizations'", "(not the system's, built with --enable-optimizations)"),
        ("/opt/3.11", None, "(not the system's, built without --enable-optimizations)"),
    ],
)
def test_who_built_the_python_is_said(
    prefix: str, arguments: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", prefix)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: arguments)
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"NAME": "Debian GNU/Linux", "VERSION_ID": "12"})
    assert interpreter().endswith(said)
    assert interpreter() in taken_by("make demo")["machine"]
