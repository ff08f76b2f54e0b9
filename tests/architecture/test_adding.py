"""CONTRIBUTING's list of what a PSP needs is complete: held against the one that was added to the first."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.conftest import ROOT

ADDED: Final = "adyen"
"""The demo, examples and defaults are the first one's; what names the second had to be touched for it."""

EXAMPLES: Final = (
    "payments/admin/fees.py",
    "payments/admin/rules.py",
    "payments/management/commands/routing.py",
    "refunds/defence.py",
)
"""Who says its name in a text for people, and does not depend on it."""


def listed() -> list[str]:
    """The files of the table under *Add a PSP*, for the one that was added."""
    _, _, section = (ROOT / "CONTRIBUTING.md").read_text().partition("## Add a PSP\n")
    rows = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    whole: list[Path] = []
    for row in rows:
        first, *others = re.findall(r"`([^`]+)`", row.split("|")[1])
        whole += [Path(first), *(Path(one) if "/" in one else Path(first).parent / one for one in others)]
    return [str(one).replace("NAME", ADDED) for one in whole]


def found(name: str) -> list[Path]:
    return list(ROOT.glob(name))


def test_every_file_of_the_list_is_there() -> None:
    assert len(listed()) > 20
    assert [name for name in listed() if not found(name)] == []


def test_nobody_else_names_a_psp() -> None:
    """Whoever names one would have to be changed for the next: then it stands on the list."""
    allowed = {path for name in listed() for path in found(name)}
    strangers = [
        str(path.relative_to(ROOT))
        for path in ours()
        if ADDED in path.read_text().lower() and not allowed & {path, *path.parents}
    ]
    assert [name for name in strangers if name not in EXAMPLES] == []


def ours() -> Iterator[Path]:
    """What runs or configures: no documents, no tests, no history of the database, no locks that tools write."""
    command = ["git", "ls-files", "payments", "refunds", "reporting", "config", "templates", "pyproject.toml",
               "docker-compose.yml", "Dockerfile", "Makefile", "manage.py"]  # fmt: skip
    for name in subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split():
        path = ROOT / name
        if "/migrations/" not in name and path.suffix in {".py", ".toml", ".yml", ".in", ".html", ""} and path.exists():
            yield path
