"""Figures of several processes add up, outlive whoever is killed, and never become more than so many."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from payments.kernel import meterfiles, meters
from tests.conftest import ROOT

COUNTS = """
import sys
from pathlib import Path
from payments.kernel import meterfiles, meters
meterfiles.keep_in(Path(sys.argv[1]), role="worker")
for line in sys.stdin:
    if line == "read\\n":
        print(meterfiles.collected().decode(), "# the end", sep="", flush=True)
        continue
    for _ in range(int(line)):
        meters.ATTEMPTS.add("stripe-us", "card", "approved")
        meters.HTTP.took("POST", "v1/orders", "2xx", seconds=0.02)
    meters.BUSY.stands("busy", at=int(line))
    print("counted", flush=True)
"""
SURVIVES = """
import os, signal, sys
from pathlib import Path
from payments.kernel import meterfiles, meters

def forked(work):
    pid = os.fork()
    if not pid:
        work()
        os._exit(0)
    os.waitpid(pid, 0)

def counts_and_is_killed():
    for _ in range(3):
        meters.ATTEMPTS.add("stripe-us", "card", "approved")
    meters.HTTP.took("POST", "v1/orders", "2xx", seconds=0.02)
    os.kill(os.getpid(), signal.SIGKILL)

def takes_over_and_is_killed(after):
    done = 0
    def counted(original):
        def call(self, *args, **options):
            nonlocal done
            done += 1
            if done > after:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(self, *args, **options)
        return call
    for name in ("replace", "unlink"):
        setattr(Path, name, counted(getattr(Path, name)))
    meterfiles.collected()

meterfiles.keep_in(Path(sys.argv[1]), role="web")
for after in range(12):
    forked(counts_and_is_killed)
    forked(lambda: takes_over_and_is_killed(after))
    lines = meterfiles.collected().decode().splitlines()
    print(*(line.rpartition(" ")[2] for line in lines if line.startswith("countinghouse_") and
            ("attempts_total" in line or "http_seconds_count" in line or "http_seconds_sum" in line)))
"""
Process = subprocess.Popen[str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Process]]:
    """Starts a process that counts as often as it is told, until it is killed or has no more to read."""
    started: list[Process] = []

    def begin() -> Process:
        command = [sys.executable, "-c", COUNTS, str(tmp_path)]
        process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def count(process: Process, times: int) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{times}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "counted\n"


def kill(process: Process) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def read(process: Process) -> dict[str, float]:
    """What a process tells of all: each sample with the values of its labels."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("read\n")
    process.stdin.flush()
    text = "".join(iter(process.stdout.readline, "# the end\n"))
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[":".join([sample.name.removeprefix("countinghouse_"), *sample.labels.values()])] = sample.value
    return found


def test_what_several_processes_count_adds_up_and_outlives_them(start: Callable[[], Process], tmp_path: Path) -> None:
    processes = [start() for _ in range(4)]
    reader, *others = processes
    for number, process in enumerate(others, start=1):
        count(process, number)
    found = read(reader)
    assert found["attempts_total:stripe-us:card:approved"] == 6
    assert found["http_seconds_count:POST:v1/orders:2xx"] == 6
    assert found["http_seconds_bucket:0.01:POST:v1/orders:2xx"] == 0
    assert found["http_seconds_bucket:0.025:POST:v1/orders:2xx"] == 6
    assert (found["web_threads:busy"], found["processes:worker"]) == (6, 4)

    kill(others[2])
    found = read(reader)
    assert found["attempts_total:stripe-us:card:approved"] == 6
    assert (found["web_threads:busy"], found["processes:worker"]) == (3, 3)

    count(others[0], 4)
    count(reader, 10)
    kill(others[0])
    kill(others[1])
    found = read(reader)
    assert found["attempts_total:stripe-us:card:approved"] == 20
    assert found["http_seconds_bucket:+Inf:POST:v1/orders:2xx"] == 20
    assert found["processes:worker"] == 1
    assert len(list(tmp_path.glob("counter_*.db"))) == 2, "that of the living one, and what the dead have counted"
    assert len(list(tmp_path.glob("*.lock"))) == 1


def test_who_is_killed_while_taking_over_neither_loses_nor_doubles_anything(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SURVIVES, str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    expected = [[3.0 * times, 0.02 * times, 1.0 * times] for times in range(1, 13)]
    assert [[float(each) for each in line.split()] for line in told] == [pytest.approx(each) for each in expected]


def test_a_file_that_was_begun_and_never_written_is_let_go_of(start: Callable[[], Process], tmp_path: Path) -> None:
    (tmp_path / "0123456789abcdef.lock").touch()
    (tmp_path / "counter_0123456789abcdef.db").touch()
    process = start()
    count(process, 2)
    assert read(process)["attempts_total:stripe-us:card:approved"] == 2
    assert not (tmp_path / "counter_0123456789abcdef.db").exists()


def test_where_nothing_can_be_kept_figures_stay_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    meterfiles.keep_in(tmp_path / "file" / "metrics", role="web")
    meters.DELIVERIES.add("delivered")
    assert b"countinghouse_deliveries_total" in meterfiles.collected()


def test_a_label_explodes_only_so_far() -> None:
    meter = meters.Counter("exploding", "A test's.", "who", most=5)
    for number in range(1_000):
        meter.add(f"customer-{number}")
    [family] = meter._made.collect()
    assert len(family.samples) == 6
    [rest] = [sample.value for sample in family.samples if sample.labels["who"] == meters.OTHER]
    assert rest == 995


def test_what_nobody_has_named_is_other() -> None:
    assert meters.known("GET", {"GET"}) == "GET"
    assert meters.known("BREW", {"GET"}) == meters.OTHER
