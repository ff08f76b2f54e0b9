"""Crash points: harmless until armed, deadly where they are armed, and each of them is reached by its use case."""

import ast
import os
import subprocess
import sys

import pytest

from payments.kernel import crashpoints
from tests.conftest import ROOT


def test_nothing_happens_unless_armed() -> None:
    for point in crashpoints.POINTS:
        crashpoints.reach(point)


def test_only_the_armed_point_crashes_and_only_inside() -> None:
    with crashpoints.armed("confirm.answered"):
        crashpoints.reach("confirm.committed")
        with pytest.raises(crashpoints.Crash, match=r"confirm\.answered"):
            crashpoints.reach("confirm.answered")
    crashpoints.reach("confirm.answered")


def test_no_handler_of_ours_catches_a_crash() -> None:
    assert not issubclass(crashpoints.Crash, Exception)


@pytest.mark.parametrize(("armed", "code", "said"), [("confirm.answered", 137, ""), ("", 0, "alive\n")])
def test_the_environment_kills_the_process_for_real(armed: str, code: int, said: str) -> None:
    script = (
        "from payments.kernel import crashpoints\n"
        "try:\n    crashpoints.reach('confirm.answered')\n"
        "finally:\n    print('alive')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"COUNTINGHOUSE_CRASH_AT": armed},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout) == (code, said)


CASES = ("confirm", "failover", "complete", "capture", "cancel", "adjust", "refund")
"""Use cases that record an outcome."""


def test_every_point_is_reached_somewhere_and_every_reached_point_is_listed() -> None:
    """`reach("capture.opened")`, or `reach(f"{point}.applied")` for each use case that records an outcome."""
    named, endings = set(), set()
    for path in (*ROOT.glob("payments/**/*.py"), *ROOT.glob("refunds/**/*.py"), *ROOT.glob("reporting/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "crashpoints.reach":
                [argument] = node.args
                if isinstance(argument, ast.Constant):
                    named.add(argument.value)
                else:
                    endings.add(ast.unparse(argument).rpartition(".")[2].rstrip("'\""))
    made = {f"{case}.{ending}" for case in CASES for ending in endings}
    assert endings
    assert named <= set(crashpoints.POINTS) <= named | made
