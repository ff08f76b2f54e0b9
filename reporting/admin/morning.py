"""Finance's morning on the first page: yesterday's close, what is unexplained or differs, reports, missing files."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import shown
from payments.kernel import clock
from reporting import selectors
from reporting.admin import closing, tieouts
from reporting.models import Discrepancy, DiscrepancyKind, ReportRun, SettlementFile
from reporting.states import FileStatus, RunStatus

Line = tuple[str, str, object]
"""What it is, where it leads, and what is to be seen of it."""

AGES: Final = (
    (1, gettext_lazy("since yesterday")),
    (7, gettext_lazy("older than yesterday")),
)
OLDEST: Final = gettext_lazy("older than a week")
DAY: Final = timedelta(days=1)


def home(viewer: shown.Viewer) -> list[tuple[str, list[Line], str]]:
    """The boxes that this person may see: title, lines, and what is said where there are none."""
    boxes = (
        ("close", _("The last day"), _closes, _("No day is to be closed yet.")),
        ("tieout", _("Unexplained amounts"), _unexplained, _("No PSP has said yet what it owes us.")),
        ("discrepancy", _("Open differences"), _differences, _("Nothing differs: books, PSPs and bank agree.")),
        ("settlementfile", _("Settlement files"), _files, _("No file is missing, waits, or was refused.")),
        ("reportrun", _("Reports of the last 24 hours"), _reports, _("None.")),
    )
    return [(title, list(lines()), empty) for model, title, lines, empty in boxes
            if viewer.may(f"reporting.view_{model}") and viewer.may("reporting.view_tieout")]  # fmt: skip


def _closes() -> Iterator[Line]:
    for row in selectors.last_days():
        yield f"{row.entity}, {row.words}", shown.address(type(row), row.pk), closing.state(row)


def _unexplained() -> Iterator[Line]:
    for words, amount, link in tieouts.home():
        yield words, link, amount


def _differences() -> Iterator[Line]:
    """By age, the oldest first: that is where somebody is needed."""
    found = selectors.differences_by_age([days for days, _ in AGES])
    words = [*(words for _, words in AGES), OLDEST]
    link = _listed(Discrepancy, state="open")
    for number, (count, what) in enumerate(reversed(list(zip(found, words, strict=True)))):
        if count:
            yield shown.capital(what), link, shown.status("bad" if number < 2 else "wait", f"{count:,}", TONES)


def _files() -> Iterator[Line]:
    missing = selectors.open_of_kind(DiscrepancyKind.FILE_MISSING)
    stood = selectors.files_by_status()
    refused, stored = stood.get(FileStatus.REFUSED, 0), stood.get(FileStatus.STORED, 0)
    lines = (
        (_("Missing"), _listed(Discrepancy, state="open", kind__exact=DiscrepancyKind.FILE_MISSING), missing, "bad"),
        (_("Refused"), _listed(SettlementFile, status__exact=FileStatus.REFUSED), refused, "bad"),
        (_("Being read"), _listed(SettlementFile, status__exact=FileStatus.STORED), stored, "wait"),
    )
    yield from _counted(lines)


def _reports() -> Iterator[Line]:
    found = selectors.runs_since(clock.now() - DAY)
    writing = found.get(RunStatus.REQUESTED, 0) + found.get(RunStatus.RUNNING, 0)
    lines = (
        (_("Failed"), _listed(ReportRun, status__exact=RunStatus.FAILED), found.get(RunStatus.FAILED, 0), "bad"),
        (_("Being written"), _listed(ReportRun, status__exact=RunStatus.RUNNING), writing, "wait"),
        (_("Ready"), _listed(ReportRun, status__exact=RunStatus.READY), found.get(RunStatus.READY, 0), "good"),
    )
    yield from _counted(lines)


def _counted(lines: tuple[tuple[str, str, int, str], ...]) -> Iterator[Line]:
    for words, link, count, tone in lines:
        if count:
            yield words, link, shown.status(tone, f"{count:,}", TONES)


TONES: Final[Mapping[str, str]] = {"good": "good", "wait": "wait", "bad": "bad"}


def _listed(model: Any, **narrowed: str) -> str:
    return f"{shown.list_address(model)}?{urlencode(narrowed)}"
