"""What every demo does on the screen: begin on an empty directory, say what was done, end with an exit status."""

import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

import django
from django.db import DatabaseError
from django.utils import timezone
from rich import box, console, panel, progress, status, table

from config import programs, rundirs
from config.demo import platform

PASSWORD: Final = "countinghouse"  # noqa: S105  of a demo on this machine
TERMINAL: Final = console.Console()
ROLES: Final = ("support", "support_lead", "finance", "engineer", "auditor", "admin")
REFUSED, INTERRUPTED = 2, 130  # exit statuses
_last_step = [time.monotonic()]
_shown: list[tuple[str, status.Status]] = []


def run(demonstrate: Callable[[platform.Platform, float], bool], **environment: str) -> int:
    """0 when every check held, 1 when one did not, 2 when the demo could not begin, 130 when it was interrupted.

    With EXIT=1 the platform is stopped after the main job, otherwise by Ctrl-C. `environment` is told to its programs.
    """
    run_dir = Path(os.environ.get("RUN_DIR") or ".run/demo").resolve()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupted)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # whoever follows a file of it reads each step as it ends
    os.environ |= {name: value for name, value in environment.items() if name not in os.environ}
    try:
        with platform.on_empty(run_dir, programs.port_of(os.environ.get("PORT") or "8000")) as running:
            held = demonstrate(running, began)
            TERMINAL.print(f"Stopping; what it wrote stays in {run_dir} until the next demo.", highlight=False)
            return 0 if held else 1
    except (rundirs.RefusedError, programs.PortRefusedError) as reason:
        print(reason, file=sys.stderr)
        return REFUSED
    except platform.NotStartedError as reason:
        print(reason, file=sys.stderr)
        return 1
    except (OSError, HTTPException, DatabaseError) as reason:
        print(f"The platform broke: {reason}\nIts logs are in {run_dir / 'logs'}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED


def _interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def leaves() -> bool:
    """Whether the demo ends by itself (EXIT=1)."""
    return os.environ.get("EXIT", "0") not in {"", "0"}


def start(running: platform.Platform) -> None:
    """Everything but the worker, and Django in this process."""
    title = "PostgreSQL, Valkey, the PSP simulator and the web server start"
    with TERMINAL.status(title) as showing:
        os.environ |= {
            **running.wait_for_addresses()["environment"],
            "RUN_DIR": str(running.run_dir),
            "COUNTINGHOUSE_ROLE": "shell",
            "LOG_LEVEL": "ERROR",
        }
        django.setup()
        pids = running.wait_for("web", "simulator", tell=lambda states: showing.update(f"{title} [dim]{states}[/dim]"))
    done(title, pids)


def start_worker(running: platform.Platform) -> None:
    """The past is written: from now on jobs are done."""
    title = "The worker starts"
    running.release_worker()
    with TERMINAL.status(title):
        running.wait_for("worker", "web", tell=lambda _: None)
    done(title, f"worker {next(row['pid'] for row in running.processes() if row['name'] == 'worker')}")


def live_through(title: str, start: datetime, days: int, events: Iterable[tuple[datetime, str]]) -> None:
    """A bar that moves through the days, and what they came to."""
    columns = (
        progress.SpinnerColumn(),
        "[progress.description]{task.description}",
        progress.BarColumn(),
        progress.TextColumn("[dim]{task.fields[day]}[/dim]"),
        progress.TimeElapsedColumn(),
    )
    came_to: dict[str, int] = {}
    with progress.Progress(*columns, console=TERMINAL, transient=True) as bar:
        task = bar.add_task(title, total=days * 86400, day="")
        for moment, ending in events:
            came_to[ending] = came_to.get(ending, 0) + 1
            bar.update(task, completed=(moment - start).total_seconds(), day=f"{moment:%d %b}")
    done(title, ", ".join(f"{count} {ending}" for ending, count in sorted(came_to.items(), key=lambda item: -item[1])))


def staff() -> dict[str, tuple[str, str]]:
    """One member of staff per role."""
    from django.contrib.auth.models import Group, User  # noqa: PLC0415  after django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("roles", verbosity=0)
    for name in ROLES:
        user, _ = User.objects.get_or_create(username=name, defaults={"is_staff": True, "last_login": timezone.now()})
        user.set_password(PASSWORD)
        user.save()
        user.groups.set(Group.objects.filter(name=name))
    return {name: (name, PASSWORD) for name in ROLES}


def tell(steps: Iterable[tuple[str, Callable[[], str]]]) -> bool:
    """Run every step with its name on the screen, until one fails; whether all of them held."""
    from config.demo import asking  # noqa: PLC0415  it needs the settings

    for title, act in steps:
        try:
            with TERMINAL.status(title) as showing:
                _shown[:] = [(title, showing)]
                detail = act()
        except (asking.Failed, TimeoutError, OSError, DatabaseError) as reason:
            TERMINAL.print(f"[red]✗[/red] {title}\n    {reason}", highlight=False, soft_wrap=True)
            return False
        done(title, detail)
    return True


def say(words: str) -> None:
    """What goes on in the step that is shown; nothing where nobody looks."""
    for title, showing in _shown:
        showing.update(f"{title} [dim]{words}[/dim]")


def done(title: str, detail: str) -> None:
    """A step that held, how long it took, and what came of it."""
    took = f"{time.monotonic() - _last_step.pop():.1f} s"
    _last_step.append(time.monotonic())
    TERMINAL.print(f"[green]✓[/green] {title} [dim]{took}\n    {detail}[/dim]", highlight=False, soft_wrap=True)


def verdict(running: platform.Platform, began: float, *, held: bool) -> None:
    """How it went, and after how long."""
    words = "Every check held" if held else f"A check failed; the logs are in {running.run_dir / 'logs'}: it was"
    TERMINAL.print(f"\n{words} after {time.monotonic() - began:.0f} s.", highlight=False, soft_wrap=True)


def invite(places: Iterable[tuple[str, str]]) -> None:
    """Where to look, and who to be."""
    rows = table.Table(box=box.SIMPLE, show_header=False)
    for name, url in places:
        rows.add_row(name, url)
    for name in ROLES:
        rows.add_row(f"log in as {name}", f"{name} / {PASSWORD}")
    TERMINAL.print(panel.Panel(rows, title="Yours to try", expand=False))


def until_stopped(running: platform.Platform) -> None:
    """Until Ctrl-C, or the platform ends."""
    try:
        running.process.wait()
    except KeyboardInterrupt:
        return
    TERMINAL.print(f"The platform has ended by itself: {running.log} says why.", highlight=False, soft_wrap=True)
