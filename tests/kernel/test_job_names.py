"""Every job that the source enqueues, in Python or in SQL, is registered, and every registered one is wanted."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import celery, programs
from payments.gateway.models import CallKind
from payments.kernel.jobs import REGISTRY, Queue
from tests.conftest import ROOT

SOURCES = [
    path for app in ("config", "payments", "refunds", "reporting") for path in sorted(ROOT.glob(f"{app}/**/*.py"))
]
MADE = {"recover_{kind}": [f"recover_{kind}" for kind in CallKind]}
"""Names that are put together, and what they can come to."""
IN_SQL = re.compile(r"INSERT INTO payments_job\b.*?(?:SELECT|VALUES)[^']*'([a-z_]+)'", re.DOTALL)


def enqueued(path: Path) -> Iterator[str]:
    """The names of the jobs that a file enqueues; one that cannot be read from the source is its expression."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "enqueue" and node.args:
            yield from _names(node.args[0])
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from IN_SQL.findall(node.value)


def _names(argument: ast.expr) -> list[str]:
    if isinstance(argument, ast.Constant):
        return [str(argument.value)]
    text = ast.unparse(argument).removeprefix("f").strip("'\"")
    return MADE.get(text, [text])


def test_every_name_that_is_enqueued_is_registered() -> None:
    found = {name for path in SOURCES for name in enqueued(path)}
    assert len(found) > 5
    assert found - REGISTRY.keys() == set()


def test_every_registered_job_is_wanted() -> None:
    found = {name for path in SOURCES for name in enqueued(path)}
    timetable = {name for name, kind in REGISTRY.items() if kind.every}
    assert REGISTRY.keys() - found - timetable == set()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ('jobs.enqueue("made_up", order_id=x)', "made_up"),
        ("enqueue('made_up', run_at=now)", "made_up"),
        ("jobs.enqueue(name)", "name"),
        ('SQL = """INSERT INTO payments_job (id, name) SELECT %(id)s, \'made_up\' FROM x"""', "made_up"),
    ],
)
def test_the_test_sees_a_name_that_is_not(tmp_path: Path, source: str, name: str) -> None:
    (tmp_path / "planted.py").write_text(source)
    assert list(enqueued(tmp_path / "planted.py")) == [name]
    assert name not in REGISTRY


def test_every_queue_of_jobs_has_one_of_rings_and_workers_that_listen() -> None:
    assert tuple(Queue) == celery.QUEUES
    assert ",".join(Queue) == programs.QUEUES
