"""`make demo`: a fresh platform with a believable past, the main job live, and then it is yours to try."""

import os
import sys
import time
from datetime import timedelta
from typing import Any

from django.utils import timezone

from config.demo import platform, stage
from config.demo.stage import TERMINAL


def main() -> int:
    """The exit status of `stage.run`."""
    return stage.run(_demonstrate)


def _demonstrate(running: platform.Platform, began: float) -> bool:
    """Fill the shop, run the main job, leave it to be tried; True when every check held."""
    stage.start(running)
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
            staff=stage.staff(),
        )
        held = stage.tell(told.steps())
        stage.verdict(running, began, held=held)
        if held and not stage.leaves():
            _hand_over(running, urls, told)
    return held


def _past(running: platform.Platform, urls: dict[str, str]) -> str:
    """A month of a shop, and then its worker; the shop's API key."""
    from config.demo import mornings, past, shop, worth  # noqa: PLC0415  they need the settings

    start = timezone.now() - timedelta(days=shop.DAYS)
    client, key = shop.open_shop(urls["platform"], since=start - timedelta(days=1))
    with past.lived_from(start, simulator=urls["simulator"], platform=urls["platform"]) as lived:
        morning = mornings.Mornings(lived, urls["simulator"])
        stage.live_through("A month of a small shop", start, shop.DAYS, shop.Month(client, lived, morning).live())
    worth.load(timezone.now().date())
    stage.start_worker(running)
    return key


def _hand_over(running: platform.Platform, urls: dict[str, str], told: Any) -> None:
    """Say where to look, and show what the shop is told, until Ctrl-C."""
    _invite(urls, told.api_key, told.seen["intent"]["id"])
    TERMINAL.print(
        f"\nThe shop listens on {told.receiver.url}; what it is told appears here. Ctrl-C stops everything.",
        highlight=False,
        soft_wrap=True,
    )
    told.receiver.show = _show_event
    stage.until_stopped(running)


def _show_event(event: dict[str, Any]) -> None:
    line = f"{time.strftime('%H:%M:%S')} → shop  {event['type']}  {event['object_id']}  number {event['sequence']}"
    TERMINAL.print(line, highlight=False, soft_wrap=True)


def _invite(urls: dict[str, str], key: str, intent: str) -> None:
    """Where to look, who to be, and three commands to try."""
    stage.invite([
        ("admin", urls["admin"]),
        ("API documentation", f"{urls['platform']}/v1/docs"),
        ("simulator's book", f"{urls['simulator']}/_sim/book"),
    ])  # fmt: skip
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
