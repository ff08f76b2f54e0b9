"""The house is tidy: files that say what they are for, short enough to be read."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

SAYS_NOTHING = {"utils.py", "helpers.py", "common.py", "misc.py", "manager.py", "util.py", "helper.py"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
LOCKS = sorted((ROOT / "config" / "requirements").glob("*.txt"))


def sources() -> list[Path]:
    """Every Python file that is ours and kept; migrations are Django's form."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.split() if "/migrations/" not in name and (ROOT / name).exists()]


def untidy(path: Path) -> Iterator[str]:
    """What is wrong with one file."""
    text = path.read_text()
    tree = ast.parse(text)
    if path.name in SAYS_NOTHING:
        yield f"{path}: a name that says nothing"
    if text.count("\n") > LONGEST_FILE:
        yield f"{path}: over {LONGEST_FILE} lines"
    if path.name != "__init__.py" and not ast.get_docstring(tree):
        yield f"{path}: no one-line purpose"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name} is over {LONGEST_FUNCTION} lines"


def test_every_file_is_tidy() -> None:
    assert len(sources()) > 50

    assert [fault for path in sources() for fault in untidy(path)] == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("utils.py", '"""Things."""\n', "a name that says nothing"),
        ("long.py", '"""Long."""\n' + "x = 1\n" * 400, "over 400 lines"),
        ("silent.py", "x = 1\n", "no one-line purpose"),
        ("deep.py", '"""Deep."""\ndef f():\n' + "    x = 1\n" * 50, "f is over 50 lines"),
    ],
)
def test_the_test_sees_what_is_untidy(tmp_path: Path, name: str, text: str, fault: str) -> None:
    (tmp_path / name).write_text(text)

    [found] = untidy(tmp_path / name)

    assert found.endswith(fault)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_and_hashes_everything_and_names_no_registry(lock: Path) -> None:
    text = lock.read_text()
    pinned = re.findall(r"^[a-zA-Z0-9][^\s=]*==\S+.*\n(?P<next>.*)$", text, re.MULTILINE)

    assert pinned
    assert all(line.lstrip().startswith("--hash=sha256:") for line in pinned)
    assert "://" not in text
    assert "index-url" not in text


def test_locks_agree_with_each_other() -> None:
    runtime, dev = (
        dict(
            re.findall(r"^([a-zA-Z0-9][^\s=]*)==(\S+)", (ROOT / "config/requirements" / name).read_text(), re.MULTILINE)
        )
        for name in ("runtime.txt", "dev.txt")
    )

    assert runtime.items() <= dev.items()
