"""manage.py close: the checklist in the terminal, and the lock when nothing is missing."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from payments.gateway.models import LegalEntity
from payments.kernel import clock
from tests import factories
from tests.reporting import books
from tests.reporting import desk as desks
from tests.reporting.desk import Desk

DAY = desks.moment(3)


@pytest.fixture
def sold(desk: Desk) -> Desk:
    """Somebody paid on the third of October."""
    books.in_utc()
    desk.paid(DAY, 1999)
    return desk


def close(**options: str) -> str:
    """What the command prints, on the morning after."""
    out = StringIO()
    with clock.at(desks.moment(4, 6)):
        call_command("close", entity="Countinghouse Inc.", stdout=out, no_color=True, **options)
    return out.getvalue()


def test_a_day_is_checked_its_reports_written_and_it_is_locked(sold: Desk) -> None:
    books.told(DAY)
    said = close(day="2026-10-03")
    assert said.startswith("Countinghouse Inc., 2026-10-03 (UTC): locked\n✓ All settlement files are in: ")
    assert "✓ The reports are written and tie to the ledger: " in said
    assert said.endswith("edition 1.\n")
    row = books.close_of(DAY)
    assert (row.status, row.proven_at is not None) == ("locked", True)
    assert close(day="2026-10-03") == said, "once more says the same"
    factories.assert_books_close()


def test_what_is_missing_is_said_and_nothing_is_locked(sold: Desk) -> None:
    with pytest.raises(CommandError, match="2026-10-03 is not locked"):
        close()
    assert books.close_of(DAY).status == "checking"
    assert books.entity().closed_until is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"day": "2026-10-04"}, "2026-10-04 ends at 2026-10-05 00:00 UTC."),
        ({"day": "2026-10-02"}, "Countinghouse Inc. has nothing to close then."),
        ({"day": "yesterday"}, "is no day of the calendar"),
        ({"month": "2026-10"}, "2026-10 ends at 2026-11-01 00:00 UTC."),
        ({"month": "2026-13"}, "is no day of the calendar"),
    ],
)
def test_what_cannot_be_closed_is_refused(sold: Desk, options: dict[str, str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        close(**options)


def test_which_company_must_be_said_where_there_are_several(sold: Desk) -> None:
    with pytest.raises(CommandError, match=r"Countinghouse B\.V\., Countinghouse Inc\.") as refusal:
        call_command("close", day="2026-10-03")
    assert all(row.name in str(refusal.value) for row in LegalEntity.objects.all())
