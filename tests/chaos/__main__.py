"""`make chaos`: break one thing after the other under load, prove after each that no money was lost; model refunds."""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import django
from rich import box, console, table

from config import processes, stack

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 6
ANY_ORDER, ROUNDS = "notifications in any order, any number and late", 3
MODEL, STEPS = "refunds against their model", 50


def main() -> int:
    """0 when every invariant held after every fault, and both models said what came to pass; --seed repeats a run."""
    options, untouched = _options(), dict(os.environ)
    broken = 0 if options.only and (options.only in ANY_ORDER or options.only in MODEL) else _faults(options)
    if options.only in ANY_ORDER:
        broken |= _any_order(options.seed, untouched)
    if options.only in MODEL and options.runs:
        broken |= _model(options, untouched)
    return broken


def _model(options: argparse.Namespace, environment: dict[str, str]) -> int:
    """Refunds, approvals, undo, faults and letters in any order, on servers of their own (tests/refunds/machine.py)."""
    console.Console().print(f"{MODEL}: {options.runs} runs of {STEPS} steps")
    asked = {**environment, "MACHINE_RUNS": str(options.runs), "MACHINE_STEPS": str(STEPS)}
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-s", f"--hypothesis-seed={options.seed}"]
    return subprocess.run([*command, "tests/refunds/test_machine.py"], cwd=ROOT, env=asked, check=False).returncode


def _faults(options: argparse.Namespace) -> int:
    run_dir = ROOT / ".run" / "chaos"
    stack.down(run_dir)
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir(parents=True)
    environment = {**os.environ, "RUN_DIR": str(run_dir), "PORT": str(options.port)}
    log = run_dir / "stack.log"
    command = [sys.executable, "manage.py", "stack", "up"]
    with log.open("wb") as output:
        started = processes.spawn(command, environment=environment, log=output, directory=ROOT)
    try:
        if not processes.wait_until(lambda: _ready(run_dir), timeout=180, process=started):
            console.Console().print(f"the stack did not start:\n{processes.tail(log)}")
            return 1
        return _run(run_dir, options)
    finally:
        stack.down(run_dir)


def _any_order(seed: int, environment: dict[str, str]) -> int:
    """The property of the suite over many more lives of payments; 0 when it holds.

    In rounds with servers of their own: within one nothing is committed, and what is dead cannot be cleared away.
    """
    terminal, broken = console.Console(), 0
    for number in range(ROUNDS):
        began, which = time.monotonic(), f"{seed}{number}"
        asked = ["tests/stories/test_any_order.py", "--hypothesis-profile=chaos", f"--hypothesis-seed={which}"]
        command = [sys.executable, "-m", "pytest", "-q", "-n0", *asked]
        tried = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        told = f"the same end every time, {time.monotonic() - began:.0f} s" if not tried.returncode else tried.stdout
        mark = "✗" if tried.returncode else "✓"
        terminal.print(f"{mark} {ANY_ORDER}, Hypothesis seed {which}: {told}", markup=False)
        broken |= tried.returncode != 0
    return int(broken)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or 1))
    parser.add_argument("--payments", type=int, default=30, help="payments under each fault")
    parser.add_argument("--port", type=int, default=8077)
    parser.add_argument("--only", default="", help="what is tried whose name contains this")
    parser.add_argument("--runs", type=int, default=2000, help="runs of refunds against their model, 0 for none")
    return parser.parse_args()


def _ready(run_dir: Path) -> bool:
    try:
        return bool(json.loads((run_dir / "stack.json").read_text())["ready"])
    except (FileNotFoundError, json.JSONDecodeError):
        return False


def _run(run_dir: Path, options: argparse.Namespace) -> int:
    running = json.loads((run_dir / "stack.json").read_text())
    os.environ |= {**running["environment"], "COUNTINGHOUSE_ROLE": "shell", "LOG_LEVEL": "ERROR"}
    django.setup()
    from tests.chaos import faults, shopping  # noqa: PLC0415  they need the settings

    shop = shopping.Shop.open(running["urls"]["platform"], running["urls"]["simulator"], run_dir)
    terminal, shown, broken = console.Console(), _table(options.seed), 0
    for name, fault in faults.ALL.items():
        if options.only in name:
            row, problems = _under(shop, fault, options.payments, random.Random(f"{options.seed}{name}"))
            shown.add_row(name, *row)
            broken += len(problems)
            terminal.print(f"{'✗' if problems else '✓'} {name}: {'; '.join(problems[:3]) or 'every invariant held'}")
    terminal.print(shown)
    return 1 if broken else 0


def _under(shop: Any, fault: Callable[..., None], payments: int, chance: random.Random) -> tuple[list[str], list[str]]:
    """Pay while something breaks; what it came to, and what is broken afterwards."""
    began = time.monotonic()
    strike_at = payments // 3
    tokens = chance.choices(["pm_card_visa", "pm_card_visa_chargeDeclined"], [9, 1], k=payments)
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = [clients.submit(shop.pay, token) for token in tokens[:strike_at]]
        fault(shop)
        answers += [clients.submit(shop.pay, token) for token in tokens[strike_at:]]
        statuses = [answer.result() for answer in answers]
    shop.calm()
    paid = time.monotonic()
    drained = shop.drain(seconds=150)
    problems = shop.problems() if drained else ["not drained after 150 s: " + shop.waiting()]
    counts = [statuses.count(status) for status in ("succeeded", "requires_payment_method", "processing")]
    return [
        str(payments),
        *map(str, counts),
        f"{paid - began:.0f} s",
        f"{time.monotonic() - paid:.0f} s",
        "held" if not problems else f"{len(problems)} broken",
    ], problems


def _table(seed: int) -> table.Table:
    shown = table.Table(title=f"make chaos, seed {seed}", box=box.SIMPLE_HEAD)
    for column in (
        "fault",
        "payments",
        "succeeded",
        "declined",
        "unknown at first",
        "answered in",
        "drained in",
        "invariants",
    ):
        shown.add_column(column)
    return shown


if __name__ == "__main__":
    sys.exit(main())
