"""How things stand, drawn in a terminal: who takes payments and how well, what is wrong, and what lies about."""

import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import IO, Any, Final, cast

from django.db import DatabaseError, connection
from rich import box, console, table, text
from rich import live as screen

from payments.kernel import money
from reporting.services import watching
from reporting.services.watching import Seen, Standing
from reporting.uptime.findings import place

WIDTH: Final = 132
"""Columns where nobody says how wide the terminal is."""
LATE: Final = watching.LATE
"""Queues that wait longer are red."""
NOTHING: Final = "–"


def show(output: Any, *, once: bool, every: float) -> None:
    """Draw it once, or every so many seconds until Ctrl-C; a database that does not answer is said, and asked again."""
    terminal = console.Console(file=cast("IO[str]", output), width=None if output.isatty() else WIDTH, highlight=False)
    if once:
        terminal.print(drawn(watching.now()))
        return
    drawing = screen.Live(console=terminal, auto_refresh=False, screen=True) if terminal.is_terminal else nullcontext()
    with suppress(KeyboardInterrupt), drawing as shown:
        while True:
            if shown is None:
                terminal.print(_looked())
            else:
                shown.update(_looked(), refresh=True)
            time.sleep(every)


def _looked() -> console.RenderableType:
    try:
        return drawn(watching.now())
    except DatabaseError as reason:
        connection.close()
        return text.Text(f"The database does not answer, and is asked again: {reason}", style="red")


def drawn(now: Standing) -> console.Group:
    """Everything, the most urgent first."""
    return console.Group(_head(now), _incidents(now), _accounts(now), _elsewhere(now), _work(now))


def _head(now: Standing) -> text.Text:
    whole, lag = now.everything, now.lag
    counted = "nothing is counted yet" if lag is None else f"sums are {_long(lag)} behind"
    refused = whole.refused_per_minute
    said = text.Text(f"{now.at:%Y-%m-%d %H:%M:%S} UTC, ")
    said.append(counted, style="red" if now.late else "dim")
    said.append(f"\n{_amounts(refused)} not approved a minute", style="bold")
    said.append(f", {whole.per_minute:,.1f} attempts a minute, approval {_compared(whole)}\n")
    return said


def _incidents(now: Standing) -> console.RenderableType:
    if not now.incidents:
        return text.Text("No incident is open.", style="green")
    rows = _table("Open incidents", "Severity", "What", "Where", "Since", ">A minute now", ">Not approved", "Whose")
    for one in now.incidents:
        rows.add_row(one.severity, one.get_kind_display(), place(one.scope), _ago(now.at, one.since),
                     _amounts(one.per_minute_minor), _amounts(one.lost_minor), one.taken_by or "nobody's")  # fmt: skip
    return rows


def _accounts(now: Standing) -> console.RenderableType:
    heads = (">Attempts a minute", ">Usual", ">Of all", ">Approval", ">Usual", ">No answer", ">p95",
             ">Not approved a minute", "Circuits")  # fmt: skip
    rows = _table(f"Provider accounts, the last {watching.MINUTES} minutes", "Account", *heads)
    every = now.everything.attempts or 1
    for code, seen in now.by_account().items():
        circuits = [f"{kind} {standing.replace('_', ' ')}" for (account, kind), standing in now.circuits.items()
                    if account == code]  # fmt: skip
        rows.add_row(
            code, f"{seen.per_minute:,.1f}", f"{seen.usual_per_minute:,.1f}" if seen.usual_per_minute else NOTHING,
            _percent(100 * seen.attempts / every, 0), text.Text(_percent(seen.approval), "red" if seen.low else ""),
            _percent(seen.usual_approval), _percent(seen.unanswered_share), _milliseconds(seen.p95),
            _amounts(seen.refused_per_minute), text.Text(", ".join(circuits) or "closed", "red" if circuits else "dim"),
        )  # fmt: skip
    return rows if rows.rows else text.Text("Nobody has tried to pay in the last hour.")


def _elsewhere(now: Standing) -> console.RenderableType:
    lines = text.Text()
    known = now.by_account()
    for (account, kind), standing in now.circuits.items():
        if account not in known:
            lines.append(f"The circuit of {account} for {kind} is {standing.replace('_', ' ')}.\n", style="red")
    for shift in now.shifts:
        lines.append(f"{shift.account.code} keeps {shift.share:.0%} of {shift}", style="yellow")
        lines.append(f" since {_ago(now.at, shift.set_at)}, by {shift.set_by}: {shift.because}\n")
    if not lines:
        return text.Text("All payments go where routing sends them.", style="dim")
    return lines


def _work(now: Standing) -> text.Text:
    lines = text.Text("Jobs that are due: ")
    for one in now.queues:
        waits = now.at - one.oldest
        lines.append(f"{one.name} {one.count:,}, the oldest for {_long(waits)}   ", "red" if waits > LATE else "")
    lines.append("" if now.queues else "none")
    lines.append("\nError budgets left: ")
    for level in now.levels:
        tone = "red" if level.window or (level.left is not None and level.left <= 0) else ""
        left = NOTHING if level.left is None else f"{max(level.left, -9.99):.0%}"
        lines.append(f"{level.slo.title} {left}   ", tone)
    return lines


def _table(title: str, *heads: str) -> table.Table:
    """Heads that begin with > stand at the right."""
    rows = table.Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, expand=False)
    for head in heads:
        rows.add_column(head.removeprefix(">"), justify="right" if head.startswith(">") else "left")
    return rows


def _compared(seen: Seen) -> str:
    usual = f" (usually {_percent(seen.usual_approval)})" if seen.usual_approval is not None else ""
    return f"{_percent(seen.approval)}{usual}"


def _amounts(minor: Mapping[str, int]) -> str:
    """The largest first; nothing is "0"."""
    largest: Iterable[tuple[str, int]] = sorted(minor.items(), key=lambda one: -one[1])
    return " + ".join(_amount(value, code) for code, value in largest if value) or "0"


def _amount(value: int, code: str) -> str:
    places = money.EXPONENTS.get(code, 0)
    return f"{Decimal(value).scaleb(-places):,.{places}f} {code}"


def _percent(value: float | None, places: int = 1) -> str:
    return NOTHING if value is None else f"{value:.{places}f} %"


def _milliseconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f} ms"


def _ago(at: datetime, since: datetime) -> str:
    return _long(max(at - since, timedelta(0)))


def _long(span: timedelta) -> str:
    """90 s, 12 min, 3.5 h."""
    seconds = span.total_seconds()
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
