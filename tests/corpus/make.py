"""Makes the corpus anew: whole elections, valid and corrupted, for any verifier. Commit what it writes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = {"Ed25519": ["sirona"], "BELENIOS-2048": ["belenios-tool"]}
COMMANDS = {
    "sirona": ["node", str(HERE.parents[1] / ".tools/node/node_modules/sirona/dist/cli/sirona.js")],
    "belenios-tool": ["belenios-tool"],
}
sys.path.insert(0, str(HERE.parents[1] / "libs" / "belenios"))

from evote_belenios.groups import BELENIOS_2048, ED25519, Group  # noqa: E402
from tests.stories import Story, tell_story, write_archive  # noqa: E402
from tests.tamperings import NOT_SUPPORTED, TABLE  # noqa: E402


def main() -> None:
    """Every corruption in the small group's archives, and in the large one's those that only arithmetic finds."""
    entries = []
    arithmetic = {"ballot_overall_proof_exchanged", "decryption_proof_wrong"}
    for group, names in ((ED25519, None), (BELENIOS_2048, arithmetic)):
        story = tell_story(group)
        entries.append(_entry(group, story, "valid", 0, None))
        for tampering, rule in TABLE:
            if names is None or tampering.__name__ in names:
                changed = story.copy()
                entries.append(_entry(group, changed, tampering.__name__, 1, rule, tampering(changed)))
    for tampering in NOT_SUPPORTED:
        changed = tell_story(ED25519)
        entries.append(_entry(ED25519, changed, tampering.__name__, 2, None, tampering(changed)))
    (HERE / "corpus.json").write_text(json.dumps(entries, indent=1) + "\n")


def _entry(group: Group, story: Story, name: str, status: int, rule: str | None, events: object = None) -> object:
    file = f"{group.name}/{name.replace('_', '-')}.bel"
    (HERE / file).parent.mkdir(exist_ok=True)
    write_archive(HERE / file, story.events() if events is None else events)  # type: ignore[arg-type]
    accepted_by = [program for program in PROGRAMS[group.name] if status != 0 and _accepts(program, HERE / file)]
    return {"file": file, "status": status, "rule": rule, "accepted_by": accepted_by}


def _accepts(program: str, archive: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(archive, folder)
        command = [*COMMANDS[program], "election", "verify"]
        return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


main()
