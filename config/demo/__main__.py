"""`make demo`: a fresh platform with a believable past, the main job live, and then it is yours to try."""

import os
import signal
import sys
import time
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

import django
from django.db import DatabaseError
from django.utils import timezone
from rich import box, console, panel, progress, table

from config import programs, rundirs
from config.demo import platform

PASSWORD = "countinghouse"  # noqa: S105  of a demo on this machine
TERMINAL = console.Console()
ROLES = ("support", "support_lead", "finance", "engineer", "auditor", "admin")
_last_step = [time.monotonic()]
REFUSED, INTERRUPTED = 2, 130  # exit statuses


def main() -> int:
    """0 when every check held, 1 when one did not, 2 when the demo could not begin, 130 when it was interrupted.

    With EXIT=1 the platform is stopped after the main job, otherwise by Ctrl-C.
    """
    run_dir = Path(os.environ.get("RUN_DIR") or ".run/demo").resolve()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        with platform.on_empty(run_dir, programs.port_of(os.environ.get("PORT") or "8000")) as running:
            held = _demonstrate(running, began)
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


def _demonstrate(running: platform.Platform, began: float) -> bool:
    """Fill the shop, run the main job, leave it to be tried; True when every check held."""
    _start(running)
    from config.demo import receiver, story  # noqa: PLC0415  they need the settings

    described = running.described()
    urls = described["urls"]
    with receiver.running() as listening:
        told = story.Story(
            platform=urls["platform"],
            simulator=urls["simulator"],
            redis_url=described["environment"]["REDIS_URL"],
            run_dir=running.run_dir,
            api_key=_past(running, urls),
            receiver=listening,
            staff=_staff(),
        )
        held = _tell(told, story.Failed)
        verdict = "Every check held" if held else f"A check failed; the logs are in {running.run_dir / 'logs'}: it was"
        TERMINAL.print(f"\n{verdict} after {time.monotonic() - began:.0f} s.", highlight=False, soft_wrap=True)
        if held and os.environ.get("EXIT", "0") in {"", "0"}:
            _hand_over(running, urls, told)
    return held


def _start(running: platform.Platform) -> None:
    """Everything but the worker, and Django in this process."""
    title = "PostgreSQL, Valkey, the PSP simulator and the web server start"
    with TERMINAL.status(title) as status:
        os.environ |= {
            **running.wait_for_addresses()["environment"],
            "RUN_DIR": str(running.run_dir),
            "COUNTINGHOUSE_ROLE": "shell",
            "LOG_LEVEL": "ERROR",
        }
        django.setup()
        pids = running.wait_for("web", "simulator", tell=lambda states: status.update(f"{title} [dim]{states}[/dim]"))
    _done(title, pids)


def _past(running: platform.Platform, urls: dict[str, str]) -> str:
    """A month of a shop, and then its worker; the shop's API key."""
    from config.demo import mornings, past, shop, worth  # noqa: PLC0415  they need the settings

    start = timezone.now() - timedelta(days=shop.DAYS)
    client, key = shop.open_shop(urls["platform"], since=start - timedelta(days=1))
    with past.lived_from(start, simulator=urls["simulator"], platform=urls["platform"]) as lived:
        morning = mornings.Mornings(lived, urls["simulator"])
        _show(start, shop.DAYS, shop.Month(client, lived, morning).live())
    worth.load(timezone.now().date())
    title = "The worker starts"
    running.release_worker()
    with TERMINAL.status(title):
        running.wait_for("worker", "web", tell=lambda _: None)
    _done(title, f"worker {next(row['pid'] for row in running.processes() if row['name'] == 'worker')}")
    return key


def _show(start: datetime, days: int, events: Any) -> None:
    """A bar that moves through the days, and what they came to."""
    columns = (
        progress.SpinnerColumn(),
        "[progress.description]{task.description}",
        progress.BarColumn(),
        progress.TextColumn("[dim]{task.fields[day]}[/dim]"),
        progress.TimeElapsedColumn(),
    )
    came_to: dict[str, int] = {}
    title = "A month of a small shop"
    with progress.Progress(*columns, console=TERMINAL, transient=True) as bar:
        task = bar.add_task(title, total=days * 86400, day="")
        for moment, ending in events:
            came_to[ending] = came_to.get(ending, 0) + 1
            bar.update(task, completed=(moment - start).total_seconds(), day=f"{moment:%d %b}")
    _done(title, ", ".join(f"{count} {ending}" for ending, count in sorted(came_to.items(), key=lambda item: -item[1])))


def _staff() -> dict[str, tuple[str, str]]:
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


def _tell(told: Any, failed: type[Exception]) -> bool:
    """Run every step with its name on the screen, until one fails."""
    for title, act in told.steps():
        try:
            with TERMINAL.status(title):
                detail = act()
        except (failed, TimeoutError, OSError, DatabaseError) as reason:
            TERMINAL.print(f"[red]✗[/red] {title}\n    {reason}", highlight=False, soft_wrap=True)
            return False
        _done(title, detail)
    return True


def _done(title: str, detail: str) -> None:
    took = f"{time.monotonic() - _last_step.pop():.1f} s"
    _last_step.append(time.monotonic())
    TERMINAL.print(f"[green]✓[/green] {title} [dim]{took}\n    {detail}[/dim]", highlight=False, soft_wrap=True)


def _hand_over(running: platform.Platform, urls: dict[str, str], told: Any) -> None:
    """Say where to look, and show what the shop is told, until Ctrl-C."""
    _invite(urls, told.api_key, told.seen["intent"]["id"])
    TERMINAL.print(
        f"\nThe shop listens on {told.receiver.url}; what it is told appears here. Ctrl-C stops everything.",
        highlight=False,
        soft_wrap=True,
    )
    told.receiver.show = _show_event
    try:
        running.process.wait()
    except KeyboardInterrupt:
        return
    TERMINAL.print(f"The platform has ended by itself: {running.log} says why.", highlight=False, soft_wrap=True)


def _show_event(event: dict[str, Any]) -> None:
    line = f"{time.strftime('%H:%M:%S')} → shop  {event['type']}  {event['object_id']}  number {event['sequence']}"
    TERMINAL.print(line, highlight=False, soft_wrap=True)


def _invite(urls: dict[str, str], key: str, intent: str) -> None:
    """Where to look, who to be, and three commands to try."""
    places = table.Table(box=box.SIMPLE, show_header=False)
    for name, url in [
        ("admin", urls["admin"]),
        ("API documentation", f"{urls['platform']}/v1/docs"),
        ("simulator's book", f"{urls['simulator']}/_sim/book"),
    ]:
        places.add_row(name, url)
    for name in ROLES:
        places.add_row(f"log in as {name}", f"{name} / {PASSWORD}")
    TERMINAL.print(panel.Panel(places, title="Yours to try", expand=False))
    for command in (
        f"curl -s {urls['platform']}/v1/payment_intents/{intent} -H 'Authorization: Bearer {key}'",
        f"curl -s '{urls['platform']}/v1/events?object_id={intent}' -H 'Authorization: Bearer {key}'",
        f"curl -s {urls['platform']}/v1/orders -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' "
        '-d \'{"reference": "MY-\'$(date +%s)\'", "currency": "EUR", "country": "NL", '
        '"lines": [{"sku": "MUG-01", "name": "Blue mug", "quantity": 1, "unit_amount": 1100}]}\'',
    ):
        print(f"\n{command}")  # to be copied as it is
    TERMINAL.print("\nKill the worker, empty Redis, pay again: nothing is lost, and this proves it:", highlight=False)
    print(f"\nRUN_DIR={os.environ['RUN_DIR']} .venv/bin/python manage.py verify")


if __name__ == "__main__":
    sys.exit(main())
