"""`make demo`: a fresh platform with a believable past, the main job live, and then it is yours to try."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import django
from django.utils import timezone
from rich import box, console, panel, progress, table

from config import processes, stack

PASSWORD = "countinghouse"  # noqa: S105  of a demo on this machine
TERMINAL = console.Console()
ROLES = ("support", "finance", "engineer", "admin")


def main() -> int:
    """0 when every check held; with EXIT=1 the platform is stopped afterwards, otherwise by Ctrl-C."""
    run_dir = Path(os.environ.get("RUN_DIR") or ".run/demo").absolute()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupted)
    platform = _start(run_dir, int(os.environ.get("PORT") or 8000))
    if platform is None:
        return 1
    try:
        held = _live(run_dir, began)
        if held and not os.environ.get("EXIT"):
            TERMINAL.print("\nCtrl-C stops everything.")
            platform.wait()
        return 0 if held else 1
    except KeyboardInterrupt:
        return 0
    finally:
        stack.down(run_dir)


def _interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def _start(run_dir: Path, port: int) -> "subprocess.Popen[bytes] | None":
    """A stack of its own on an empty directory; None, with the reason told, when it does not come up."""
    stack.down(run_dir)
    if run_dir.exists():
        shutil.rmtree(run_dir)
    run_dir.mkdir(parents=True)
    log = run_dir / "stack.log"
    environment = {**os.environ, "RUN_DIR": str(run_dir), "PORT": str(port)}
    with log.open("wb") as output:
        started = processes.spawn(
            [sys.executable, "manage.py", "stack", "up"],
            environment=environment,
            log=output,
            directory=Path(__file__).resolve().parents[2],
        )
    with TERMINAL.status("PostgreSQL, Valkey, migrations, the PSP simulator, web and worker are starting …"):
        if processes.wait_until(lambda: bool(_stack(run_dir).get("ready")), timeout=120, process=started):
            return started
    TERMINAL.print(f"[red]The platform did not start:[/red]\n{processes.tail(log)}", highlight=False)
    processes.stop(started)
    return None


def _stack(run_dir: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((run_dir / "stack.json").read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _live(run_dir: Path, began: float) -> bool:
    """Fill the shop, run the main job; True when every check held."""
    running = _stack(run_dir)
    os.environ |= {
        **running["environment"],
        "RUN_DIR": str(run_dir),
        "COUNTINGHOUSE_ROLE": "shell",
        "LOG_LEVEL": "ERROR",
    }
    django.setup()
    from config.demo import receiver, shop, story  # noqa: PLC0415  they need the settings

    urls = running["urls"]
    staff = _staff()
    client, key = shop.open_shop(urls["platform"])
    _fill(shop.fill(client), shop.ORDERS)
    with receiver.running() as listening:
        told = story.Story(
            platform=urls["platform"],
            simulator=urls["simulator"],
            redis_url=running["environment"]["REDIS_URL"],
            run_dir=run_dir,
            api_key=key,
            receiver=listening,
            staff=staff,
        )
        held = _tell(told, story.Failed)
    TERMINAL.print(
        f"\n{'Every check held' if held else 'A check failed'} after {time.monotonic() - began:.0f} s.", highlight=False
    )
    if held:
        _invite(urls, key, told.seen)
    return held


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


def _fill(orders: Any, total: int) -> None:
    columns = (
        progress.SpinnerColumn(),
        "[progress.description]{task.description}",
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
    )
    came_to: dict[str, int] = {}
    with progress.Progress(*columns, console=TERMINAL) as bar:
        task = bar.add_task("A month of a small shop", total=total)
        for ending in orders:
            came_to[ending] = came_to.get(ending, 0) + 1
            bar.advance(task)
    told = ", ".join(f"{count} {ending}" for ending, count in sorted(came_to.items(), key=lambda item: -item[1]))
    TERMINAL.print(f"  {total} orders: {told}", highlight=False)


def _tell(told: Any, failed: type[Exception]) -> bool:
    """Run every step with its name on the screen, until one fails."""
    for title, act in told.steps():
        try:
            with TERMINAL.status(title):
                detail = act()
        except (failed, TimeoutError, OSError) as reason:
            TERMINAL.print(f"[red]✗[/red] {title}\n    {reason}", highlight=False, soft_wrap=True)
            return False
        TERMINAL.print(f"[green]✓[/green] {title}\n    [dim]{detail}[/dim]", highlight=False, soft_wrap=True)
    return True


def _invite(urls: dict[str, str], key: str, seen: dict[str, Any]) -> None:
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
    intent = seen["intent"]["id"]
    for command in (
        f"curl -s {urls['platform']}/v1/payment_intents/{intent} -H 'Authorization: Bearer {key}'",
        f"curl -s '{urls['platform']}/v1/events?object_id={intent}' -H 'Authorization: Bearer {key}'",
        f"curl -s {urls['platform']}/v1/orders -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' "
        '-d \'{"reference": "MY-1", "currency": "EUR", "country": "NL", '
        '"lines": [{"sku": "MUG-01", "name": "Blue mug", "quantity": 1, "unit_amount": 1100}]}\'',
    ):
        print(f"\n{command}")  # noqa: T201  to be copied as it is
    TERMINAL.print("\nKill the worker, empty Redis, pay again: nothing is lost, and this proves it:", highlight=False)
    print(f"\nRUN_DIR={os.environ['RUN_DIR']} .venv/bin/python manage.py verify")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
