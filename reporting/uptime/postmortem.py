"""The sentences of an incident, and the text from which its post-mortem is written."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from payments.kernel import clock, money
from reporting.models import Diversion, Incident, IncidentEntry
from reporting.uptime.findings import place


def amounts(minor: Mapping[str, int]) -> str:
    """`1,999.00 EUR and 5.00 USD`, the largest first; "" for nothing."""
    largest = sorted(minor.items(), key=lambda one: (-one[1], one[0]))
    return " and ".join(f"{money.from_minor(amount, code).amount:,} {code}" for code, amount in largest)


def sentence(row: Incident) -> str:
    """What is wrong, since when, what it has cost, and where the payments go now."""
    until = f"since {_time(row.since)}" if row.closed_at is None else f"{_time(row.since)} to {_time(row.closed_at)}"
    told = [f"{row.words.rstrip('.')}, {until}."]
    if row.lost_minor:
        now = f", {amounts(row.per_minute_minor)} a minute now" if row.per_minute_minor else ""
        told.append(f"{amounts(row.lost_minor)} was not approved because of it{now}.")
    return " ".join([*told, traffic(row)]).strip()


def traffic(row: Incident) -> str:
    """Where its payments go; "" when nothing was moved."""
    moved = Diversion.objects.select_related("shift").filter(incident=row).first()
    if moved is None:
        return ""
    if moved.share == 1:
        return "Its payments went elsewhere and are back."
    held = f", as {moved.held_by} wants it" if moved.held_by else ""
    kept = f"all but {moved.share:.0%} of its" if moved.share else "All of its"
    return f"{kept[:1].upper()}{kept[1:]} payments go elsewhere{held}."


def text(row: Incident, entries: Sequence[IncidentEntry]) -> str:
    """The whole of it, to be copied: what is known stands there, what only people know is asked for. Times are UTC."""
    lines = [
        f"# {row.words}",
        "",
        f"Incident {row.pk}. {sentence(row)}",
        "",
        f"* What: {row.get_kind_display()}",
        f"* Where: {place(row.scope)}",
        f"* Began: {_time(row.since)}, found: {_time(row.opened_at)} ({_minutes(row.since, row.opened_at)} later)",
        f"* Over: {_time(row.closed_at)} ({_minutes(row.since, row.closed_at)} in all)"
        if row.closed_at
        else "* Over: no",
        f"* Not approved because of it: {amounts(row.lost_minor) or 'nothing'}",
        f"* In its worst minute: {amounts(row.worst_minor) or 'nothing'}",
        f"* Looked after by: {row.taken_by or 'nobody'}",
        "",
        "## Timeline (UTC)",
        "",
        *(
            f"* {_time(one.at)} {one.get_kind_display()}: {one.words}{f' ({one.by})' if one.by else ''}"
            for one in entries
        ),
        "",
        "## Why it happened",
        "",
        "## What helped, and what did not",
        "",
        "## What we change, who, and until when",
        "",
    ]
    return "\n".join(lines)


def _time(at: datetime) -> str:
    return f"{at:%d %b %H:%M}" if at.year == clock.now().year else f"{at:%d %b %Y %H:%M}"


def _minutes(since: datetime, until: datetime) -> str:
    minutes = max(0, round((until - since).total_seconds() / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
