"""`make demo-outage`: a provider account fails while customers pay; it is found, avoided, tried again, and over.

Nothing is told to detection: it counts what happens. The waiting times of incidents are a fifth of the real ones
(INCIDENTS_HURRY=5, said on the screen) unless `--real-time` is given.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from config.demo import platform, stage
from config.demo.stage import TERMINAL

HURRY: Final = 5
PER_MINUTE: Final = 60


def main(given: Sequence[str]) -> int:
    """The exit status of `stage.run`."""
    parser = argparse.ArgumentParser(prog="make demo-outage", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fault", choices=("issuers", "dark"), default="issuers",
                        help="issuers: banks decline behind one account; dark: its PSP does not answer")  # fmt: skip
    parser.add_argument("--per-minute", type=int, default=PER_MINUTE, metavar="N", help="customers a minute")
    parser.add_argument("--real-time", action="store_true", help="incidents wait as long as they do in production")
    wanted = parser.parse_args(given)
    hurry = "1" if wanted.real_time else os.environ.get("INCIDENTS_HURRY") or str(HURRY)
    os.environ["INCIDENTS_HURRY"] = hurry
    return stage.run(lambda running, began: _demonstrate(running, began, wanted))


def _demonstrate(running: platform.Platform, began: float, wanted: argparse.Namespace) -> bool:
    """Some usual days, the outage live, and then it is to be looked at; True when every promise was kept."""
    stage.start(running)
    from config.demo import asking, crowd, ordeal  # noqa: PLC0415  they need the settings

    urls = running.described()["urls"]
    key = _past(running, urls)
    stage.staff()
    shoppers = crowd.Crowd(asking.Client(urls["platform"], key), wanted.per_minute)
    ordeal_ = ordeal.Ordeal(urls["platform"], urls["simulator"], shoppers, ordeal.FAULTS[wanted.fault])
    _say_pace(urls)
    try:
        held = stage.tell(ordeal_.steps())
    finally:
        shoppers.stop()
    TERMINAL.print(ordeal_.summary())
    stage.verdict(running, began, held=held)
    if held and not stage.leaves():
        _hand_over(running, urls, shoppers, ordeal_)
    return held


def _past(running: platform.Platform, urls: dict[str, str]) -> str:
    """Some days of a shop, what is usual by them, and then its worker; the shop's API key."""
    from config.demo import past, routine, shop, worth  # noqa: PLC0415  they need the settings

    start = timezone.now() - timedelta(days=routine.DAYS)
    client, key = shop.open_shop(urls["platform"], since=start - timedelta(days=1))
    stage.done("Routing shares the cards of one market between two accounts", routine.route())
    with past.lived_from(start, simulator=urls["simulator"], platform=urls["platform"]) as lived:
        stage.live_through(f"{routine.DAYS} days of a small shop", start, routine.DAYS, routine.live(client, lived))
    worth.load(timezone.now().date())
    with TERMINAL.status("Detection learns what is usual"):
        learned = routine.learn()
    stage.done("Detection has learned what is usual", learned)
    stage.start_worker(running)
    return key


def _say_pace(urls: dict[str, str]) -> None:
    """How long things take here, and where they can be watched."""
    from django.conf import settings  # noqa: PLC0415  after django.setup()

    hurry = settings.INCIDENTS_HURRY
    pace = "as in production" if hurry == 1 else f"{hurry} times shorter than in production (INCIDENTS_HURRY={hurry})"
    TERMINAL.print(
        f"\nFrom here on it is live. Incidents wait {pace}; detection itself is not hurried.\n"
        f"Watch it at {urls['admin']}uptime/ as engineer / {stage.PASSWORD}, or in another terminal:\n"
        f"RUN_DIR={os.environ['RUN_DIR']} .venv/bin/python manage.py uptime\n",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def _hand_over(running: platform.Platform, urls: dict[str, str], shoppers: Any, told: Any) -> None:
    """Customers go on paying until Ctrl-C, and everything can be looked at."""
    stage.invite([
        ("Uptime", f"{urls['admin']}uptime/"),
        ("the incident", f"{urls['admin']}reporting/incident/{told.incident.pk}/change/"),
        ("public status", f"{urls['platform']}/status"),
    ])  # fmt: skip
    TERMINAL.print("\nCustomers go on paying. Ctrl-C stops everything.", highlight=False)
    shoppers.start()
    try:
        stage.until_stopped(running)
    finally:
        shoppers.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
