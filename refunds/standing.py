"""What a PSP's news make of a dispute, in whatever order they come. Pure.

Every fact is kept with the time of the news that said it; the latest news win, fact by fact, and of two of the same
moment always the same one. So the order in which they are read makes no difference.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from payments.connectors.disputes import Stage, Standing
from refunds.states import OPEN, DisputeStatus

STAGES: Final = tuple(Stage)
"""From the first to the last: what has come to a later one is never at an earlier one again."""

_PROGRESS: Final = (
    Standing.NEEDS_RESPONSE,
    Standing.UNDER_REVIEW,
    Standing.WITHDRAWN,
    Standing.EXPIRED,
    Standing.ACCEPTED,
    Standing.LOST,
    Standing.WON,
)
"""Which of two words of the same moment is the later one: Stripe's times are whole seconds."""

WARN_DAYS: Final = (7, 3, 1)
"""So many days before an answer is due somebody is told."""

SILENCE: Final = timedelta(days=75)
"""Our own choice: a bank that has said nothing for so long is asked about by a person."""


Said = Mapping[str, Sequence[Any]]
"""What a PSP has said of a dispute: fact -> time of the news (ISO 8601, UTC), rank among those of that time, value."""


def merged(said: Said, news: Mapping[str, Any], at: datetime, stage: str) -> dict[str, Sequence[Any]]:
    """What is said after news of the moment `at`; what they do not say is None or empty and changes nothing.

    `stage` is the least that the dispute has come to: the furthest of all news counts.
    """
    known, moment = dict(said), at.astimezone(UTC).isoformat()
    for name, value in news.items():
        if value in (None, ""):
            continue
        words = [moment, _rank(stage, value) if name == "standing" else 0, value]
        if name not in known or _order(words) > _order(known[name]):
            known[name] = words
    place = STAGES.index(Stage(stage))
    if "stage" not in known or place > known["stage"][1]:
        known["stage"] = [moment, place, stage]
    elif place == known["stage"][1] and moment < known["stage"][0]:
        known["stage"] = [moment, place, stage]  # since when it is there
    return known


def _order(words: Sequence[Any]) -> tuple[str, int, str]:
    moment, rank, value = words
    return moment, rank, f"{value:>24}" if isinstance(value, int) else str(value)


def _rank(stage: str, standing: str) -> int:
    return STAGES.index(Stage(stage)) * len(_PROGRESS) + _PROGRESS.index(Standing(standing))


def value(said: Said, name: str, otherwise: Any = None) -> Any:
    """What is said of one fact."""
    return said[name][2] if name in said else otherwise


def respond_by(said: Said) -> datetime | None:
    """By when it must be answered; a day that was named for an earlier stage says nothing of this one."""
    if "respond_by" not in said or said["respond_by"][0] < said["stage"][0]:
        return None
    return datetime.fromisoformat(said["respond_by"][2])


def status(stage: str, standing: str, answer: str) -> DisputeStatus:
    """What a stage's standing comes to, given our own answer to it ("", `submit` or `accept`) that the PSP has.

    Nobody is asked again for what the PSP has, also while its own news still say that it waits.
    """
    if standing == Standing.NEEDS_RESPONSE or not standing:
        if answer:
            return DisputeStatus.ACCEPTED if answer == "accept" else DisputeStatus.UNDER_REVIEW
        return DisputeStatus.INQUIRY if stage == Stage.INQUIRY else DisputeStatus.NEEDS_RESPONSE
    if answer == "accept" and standing in (Standing.LOST, Standing.EXPIRED):
        return DisputeStatus.ACCEPTED
    return DisputeStatus(standing)


def look_at(status: str, respond_by: datetime | None, now: datetime, *, told: bool = False) -> datetime | None:
    """When a dispute is looked at next: at its next warning or when it is due; `now` where that is over or not said.

    A warning whose time has come is due `now`, unless it was `told`. What waits for the bank is looked at after a long
    silence; None when it has ended.
    """
    if status == DisputeStatus.UNDER_REVIEW:
        return now + SILENCE
    if status not in OPEN:
        return None
    if respond_by is None or (not told and urgency(respond_by, now) is not None):
        return now
    moments = [*(respond_by - timedelta(days=days) for days in WARN_DAYS), respond_by]
    return next((moment for moment in moments if moment > now), now)


def urgency(respond_by: datetime, now: datetime) -> int | None:
    """Which warning is due: the smallest of `WARN_DAYS` that covers the time left, 0 once it is over, else None."""
    left = respond_by - now
    if left <= timedelta(0):
        return 0
    return min((days for days in WARN_DAYS if left <= timedelta(days=days)), default=None)
