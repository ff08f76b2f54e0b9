"""A refund that finance has paid from the bank is known when the statement shows it, and is not booked once more."""

import io
from pathlib import Path
from typing import Any

from pytest_django.fixtures import Settings

from payments.gateway.models import LegalEntity
from payments.ledger import selectors as ledger
from refunds.services import transfers
from reporting.models import BankLine, Discrepancy
from reporting.services import banking, statements
from tests import factories
from tests.refunds import conftest as refunds
from tests.refunds import test_transfers
from tests.reporting.bank import files

psp, bounced = refunds.psp, test_transfers.bounced


def test_a_refund_by_bank_and_its_return_are_recognised(
    shop: factories.Shop, bounced: dict[str, Any], settings: Settings, tmp_path: Path
) -> None:
    settings.EVIDENCE_DIR = tmp_path
    row = transfers.propose(test_transfers.draft(item=bounced["item"]), by=test_transfers.MAKER)
    transfers.confirm(row.pk, by=test_transfers.CHECKER)
    entity = LegalEntity.objects.filter(provideraccount__code="stripe-us").get()
    said = {"code": "main-usd", "legal_entity": entity.pk, "currency": "USD", "number": "026-0001"}
    statements.open_account(statements.Draft(**said, dialect={}), by="staff fay")
    day = row.value_date.isoformat()
    text = files.mt940(
        f":61:{day[2:].replace('-', '')}D19,99NTRFTRF-1",
        ":86:TRF-1 JANE DOE",
        f":61:{day[2:].replace('-', '')}C19,99NRTITRF-1",
        ":86:TRF-1 RETURNED",
        opening=f"C{day[2:].replace('-', '')}USD100,",
        closing=f"C{day[2:].replace('-', '')}USD100,",
    ).replace(files.IBAN, "0260001")
    statements.upload(statements.Upload(file=io.BytesIO(text.encode()), name="us.sta"), by="staff fay")
    factories.work()
    gone, back = BankLine.objects.order_by("number")
    assert (gone.status, gone.matches.get().transfer_id) == ("matched", row.pk)
    assert back.status == "unexplained", "nobody has said that it came back"
    assert ledger.trial_balance()["bank/main-usd", "USD"] == -1999
    factories.assert_books_close()

    transfers.returned(row.pk, on=row.value_date, because="The account is closed.", by=test_transfers.MAKER)
    banking.watch()
    back.refresh_from_db()
    assert (back.status, back.matches.get().kind) == ("matched", "returned")
    assert Discrepancy.objects.get(subject_id=back.pk).status == "cleared"
    assert ledger.trial_balance()["bank/main-usd", "USD"] == 0
    factories.assert_books_close()
