"""How a bulk refund looks: its sentence, its rows with their verdicts, its totals, and what became of it."""

from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import shown
from payments.kernel import clock
from payments.kernel.records import StateChange
from refunds import batches
from refunds.models import RefundBatch, RefundBatchRow
from refunds.services import bulk_files
from refunds.states import BatchStatus
from refunds.verdicts import TWICE, Verdict

TONES: Final = {
    "checked": "wait", "needs_approval": "wait", "approved": "wait", "uploaded": "wait", "running": "wait",
    "paused": "bad", "finished": "good", "rejected": "bad", "canceled": "quiet",
}  # fmt: skip
MOVING: Final = (BatchStatus.UPLOADED, BatchStatus.APPROVED, BatchStatus.RUNNING)
PER_PAGE: Final = 25

LABELS: Final = {
    Verdict.FITS: gettext_lazy("Goes back"),
    Verdict.DUPLICATE: gettext_lazy("Twice"),
    Verdict.REFUNDED_BEFORE: gettext_lazy("Refunded before"),
    Verdict.UNKNOWN: gettext_lazy("Unknown id"),
    "": gettext_lazy("Not checked yet"),
}
TABS: Final = {
    "all": (gettext_lazy("All"), gettext_lazy("The file has no rows.")),
    "fits": (gettext_lazy("Go back"), gettext_lazy("No row can be refunded. The problems say why.")),
    "problems": (gettext_lazy("Problems"), gettext_lazy("No row has a problem.")),
    "duplicates": (gettext_lazy("Twice"), gettext_lazy("No row looks like a refund that is made twice.")),
    "refused": (gettext_lazy("No longer fitted"), gettext_lazy("No row has failed to fit when its turn came.")),
}

TOTALS: Final = (
    shown.Column("Currency", lambda row, _: row.amount.currency.code),
    shown.Column("Rows", lambda row, _: f"{row.count:,}", right=True),
    shown.Column("Amount", lambda row, _: shown.amount(row.amount), right=True),
)
OUTCOMES: Final = (
    shown.Column("Refunds", lambda row, _: shown.status(row[0])),
    shown.Column("How many", lambda row, _: f"{row[1]:,}", right=True),
)
HISTORY: Final = (
    shown.time_of("at", "When"),
    shown.Column("Change", lambda row, _: f"{shown.plain(row.from_state)} → {shown.plain(row.to_state)}"),
    shown.said_of("because", "Why"),
    shown.text_of("by", "By whom"),
)


def _payment(row: RefundBatchRow, viewer: shown.Viewer) -> object:
    return viewer.reference(row.object_id) if row.object_id else row.written or shown.NOTHING


def _goes_back(row: RefundBatchRow) -> object:
    if row.amount_minor is None or not row.currency:
        return shown.NOTHING
    return shown.amount(batches.amount(row))


def _verdict(row: RefundBatchRow) -> str:
    tone = "good" if row.verdict == Verdict.FITS else "wait" if row.verdict in (*TWICE, "") else "bad"
    words = _("Meant twice") if row.confirmed else LABELS.get(row.verdict, "")
    return shown.status(row.verdict or "not_checked", words, tones={row.verdict or "not_checked": tone})


def _outcome(row: RefundBatchRow, viewer: shown.Viewer) -> object:
    """What became of it, or what the verdict means."""
    if row.refund is not None:
        return shown.joined((viewer.reference(row.refund.pk), shown.status(row.refund.status)), " ")
    if row.refusal:
        return _("Not refunded: %(refused_because)s") % {"refused_because": row.refused_because}
    return row.words or shown.NOTHING


LINES: Final = (
    shown.number_of("number", "Row"),
    shown.Column("Order or payment", _payment),
    shown.Column("Asked for", lambda row, _: row.amount_written or shown.NOTHING, right=True),
    shown.Column("Goes back", lambda row, _: _goes_back(row), right=True),
    shown.Column("Verdict", lambda row, _: _verdict(row)),
    shown.Column("What it means", _outcome),
)


def _checked(row: RefundBatch, problems: int) -> str:
    said = {"fitting": f"{row.fitting:,}", "rows": f"{row.rows:,}", "problems": f"{problems:,}"}
    if not problems:
        return _("%(fitting)s of %(rows)s rows can be refunded. Nothing happens before it is approved.") % said
    return (
        _(
            "%(fitting)s of %(rows)s rows can be refunded. %(problems)s cannot, and are left out."
            " Nothing happens before it is approved."
        )
        % said
    )


def _finished(progress: batches.Progress) -> str:
    said = {"made": f"{progress.made:,}", "refused": f"{progress.refused:,}"}
    if not progress.refused:
        return _("Every row has ended: %(made)s became refunds.") % said
    return _("Every row has ended: %(made)s became refunds. %(refused)s no longer fitted and were left out.") % said


def sentence(row: RefundBatch, progress: batches.Progress) -> str:
    """How it stands and what comes next, in words."""
    problems = row.rows - row.fitting
    match row.status:
        case BatchStatus.UPLOADED:
            return _("Every row is being checked. This page changes when that is done.")
        case BatchStatus.CHECKED if not row.fitting:
            return _("No row can be refunded. Put the problems right, and upload the file again.")
        case BatchStatus.CHECKED:
            return _checked(row, problems)
        case BatchStatus.NEEDS_APPROVAL:
            return _("%(asked_by)s asks for approval. Another lead looks at it and decides.") % {
                "asked_by": row.asked_by
            }
        case BatchStatus.APPROVED:
            return _("Approved by %(approved_by)s. Until %(starts_at)s UTC all of it can be called back;") % {
                "approved_by": row.approved_by,
                "starts_at": f"{row.starts_at:%H:%M:%S}",
            }
        case BatchStatus.PAUSED:
            return _("Paused: %(done)s of %(fitting)s rows are done, and the rest waits.") % {
                "done": f"{progress.done:,}",
                "fitting": f"{row.fitting:,}",
            }
        case BatchStatus.FINISHED:
            return _finished(progress)
    return ""


def said(row: RefundBatch, progress: batches.Progress) -> str:
    """What changes while somebody looks on."""
    if row.status == BatchStatus.APPROVED and row.starts_at is not None:
        seconds = max(0, int((row.starts_at - clock.now()).total_seconds()))
        return _("it begins in %(seconds)s seconds.") % {"seconds": seconds} if seconds else _("it begins now.")
    if row.status == BatchStatus.RUNNING:
        return _("%(done)s of %(fitting)s rows are done.") % {
            "done": f"{progress.done:,}",
            "fitting": f"{row.fitting:,}",
        }
    return ""


def turned(request: HttpRequest, row: RefundBatch) -> tuple[str, Page[Any], dict[str, int]]:
    """Which rows are looked at, the page of them, and how many there are of each kind."""
    counts = batches.counted(row)
    show = request.GET.get("show", "")
    show = show if show in TABS else "all"
    rows = batches.lines(row, show)
    found = Paginator(rows, PER_PAGE)
    found.count = counts[show]  # counted already, with the others
    return show, found.get_page(request.GET.get("page")), counts


def facts(request: HttpRequest, row: RefundBatch, viewer: shown.Viewer) -> dict[str, Any]:
    """What the page shows beside its head."""
    progress = batches.progress(row)
    show, page, counts = turned(request, row)
    lines = shown.table("Rows", list(page.object_list), LINES, viewer, empty=TABS[show][1])
    moves = StateChange.objects.filter(object_id=row.pk).order_by("pk")
    ended = row.status in bulk_files.ENDED
    return {
        "sentence": sentence(row, progress),
        "said": said(row, progress),
        "bad": row.status == BatchStatus.CHECKED and not row.fitting,
        "moving": row.status in MOVING,
        "bar": row.status in (BatchStatus.RUNNING, BatchStatus.PAUSED),
        "done": progress.done,
        "repeats": viewer.reference(row.repeats_id) if row.repeats_id and not ended else "",
        "repeats_stands": shown.within(shown.said(row.repeats.status)) if row.repeats is not None else "",
        "kinds": [(name, words, f"{counts[name]:,}", name == show) for name, (words, _) in TABS.items()],
        "show": show,
        "turned": page,
        "lines": lines,
        "history": shown.table("What was done", moves, HISTORY, viewer, empty="It was uploaded."),
    }


def tables(row: RefundBatch, viewer: shown.Viewer) -> list[shown.Table]:
    """What goes back, per currency; and how its refunds stand."""
    empty = _("The rows are being checked.") if row.status == BatchStatus.UPLOADED else _("No row can be refunded.")
    found = [shown.table("What goes back", batches.totals(row.pk), TOTALS, viewer, empty=empty)]
    outcomes = sorted(batches.outcomes(row).items())
    if outcomes:
        found.append(shown.table("Its refunds", outcomes, OUTCOMES, viewer, empty=""))
    return found
