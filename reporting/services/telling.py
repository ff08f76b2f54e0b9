"""Writing to people when a report that they wait for is ready."""

from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail

from reporting import selectors
from reporting.models import ReportRun
from reporting.reports.base import Parameters
from reporting.reports.catalogue import REPORTS

STAFF: Final = "staff "


def tell(run_id: str) -> None:
    """Write to whoever a report is for: the address of its schedule, or who asked for it in the back office.

    The file itself is not sent: the mail says where to get it. Nothing happens when nobody has an address.
    """
    run = selectors.run(run_id, client_id=None)
    address = _address(run)
    if address:
        send_mail(_subject(run), _words(run), settings.DEFAULT_FROM_EMAIL, [address])


def _address(run: ReportRun) -> str:
    if run.schedule is not None:
        return run.schedule.notify
    if not run.requested_by.startswith(STAFF):
        return ""
    person = User.objects.filter(username=run.requested_by.removeprefix(STAFF), is_active=True).first()
    return person.email if person is not None else ""


def _subject(run: ReportRun) -> str:
    first, last = Parameters.from_json(run.parameters).days()
    days = f"{first}" if first == last else f"{first} to {last}"
    return f"{'' if run.tied else 'NOT TIED: '}{REPORTS[run.report].title}, {days}"


def _words(run: ReportRun) -> str:
    tied = "Its totals are those of the ledger." if run.tied else "Its totals are NOT those of the ledger."
    page = f"{settings.PUBLIC_URL}/admin/reporting/reportrun/{run.pk}/change/"
    return f"The report is ready: {run.rows:,} rows. {tied}\n\n{page}\n\nSHA-256 {run.sha256}\n"
