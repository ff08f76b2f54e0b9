"""Whose a directory is: a demo deletes what a demo made, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import rundirs


def test_a_demo_takes_a_directory_that_is_not_there_or_empty(tmp_path: Path) -> None:
    for run_dir in (tmp_path / "new" / "deep", tmp_path / "new"):
        with rundirs.of_a_demo(run_dir / "run"):
            assert (run_dir / "run" / rundirs.MARKER).is_file()


def test_what_a_demo_made_is_deleted_and_its_mark_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    run_dir = tmp_path / "run"
    with rundirs.of_a_demo(run_dir):
        (run_dir / "postgres" / "data").mkdir(parents=True)
        (run_dir / "stack.log").touch()
        (run_dir / "link").symlink_to(elsewhere)
    with rundirs.of_a_demo(run_dir):
        rundirs.clear(run_dir)
    assert [path.name for path in run_dir.iterdir()] == [rundirs.MARKER]
    assert (elsewhere / "kept").exists()


def test_a_stranger_s_directory_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    refused = pytest.raises(rundirs.RefusedError, match=f"{tmp_path} holds files that no demo made")
    with refused, rundirs.of_a_demo(tmp_path):
        pytest.fail("it was taken")
    with pytest.raises(rundirs.RefusedError, match="nothing is deleted"):
        rundirs.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(rundirs.RefusedError, match=f"{path} cannot be used"), rundirs.of_a_demo(path):
        pytest.fail("it was taken")


def test_who_works_in_a_demo_s_directory_keeps_it(tmp_path: Path) -> None:
    with rundirs.of_a_demo(tmp_path):
        (tmp_path / "postgres").mkdir()
    assert rundirs.keep(tmp_path)
    with pytest.raises(rundirs.RefusedError, match="left alone"), rundirs.of_a_demo(tmp_path):
        pytest.fail("it was taken")
    assert not rundirs.keep(tmp_path)


def test_two_demos_do_not_share_a_directory(tmp_path: Path) -> None:
    refused = pytest.raises(rundirs.RefusedError, match=f"a demo runs in {tmp_path} already")
    with rundirs.of_a_demo(tmp_path), refused, rundirs.of_a_demo(tmp_path):
        pytest.fail("it was taken")
    with rundirs.of_a_demo(tmp_path):
        rundirs.clear(tmp_path)


def test_what_a_killed_supervisor_left_is_waited_for(tmp_path: Path) -> None:
    program = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    rows = [{"pid": program.pid}, {"pid": None}, {"pid": os.getpid()}]
    (tmp_path / "stack.json").write_text(json.dumps({"processes": rows}))
    program.communicate(b"\n")

    rundirs.wait_for_leftovers(tmp_path)

    assert program.returncode == 0
    assert not (tmp_path / "stack.json").exists()
