"""Leads in a browser: one uploads a file of refunds, another approves it, and both see what came of it."""

import pytest

from payments.kernel.jobs import Queue
from refunds.models import Refund, RefundBatch
from tests import factories
from tests.browser.conftest import WIDTHS, Sit
from tests.refunds import files
from tests.refunds.files import row

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", WIDTHS)
def test_a_file_is_checked_approved_by_another_and_refunded(shop: factories.Shop, sit: Sit, width: int) -> None:
    one, two = shop.paid(1999), shop.paid(500)
    ada = sit("support_lead", width=width, name="ada")
    ada.go("/admin/refunds/refundbatch/")
    ada.look("bulk-none")
    ada.go("/admin/refunds/refundbatch/new/")
    content = files.csv(row(one["id"], "5.00"), row(two["order"]), row(two["id"], "9.00"))
    ada.page.set_input_files("input[type=file]", {"name": "november.csv", "mimeType": "text/csv", "buffer": content})
    ada.look("bulk-file")
    ada.press("Upload and check")
    assert ada.says("Every row is being checked.")
    batch = RefundBatch.objects.get()

    factories.work(Queue.BULK)
    ada.page.reload()
    assert ada.says("2 of 3 rows can be refunded. 1 cannot, and are left out.")
    ada.look("bulk-checked")
    ada.press("Ask for approval")
    ada.look("bulk-ask")
    ada.press("Ask for approval")
    assert not ada.page.get_by_role("link", name="Approve", exact=True).count(), "nobody approves their own"

    grace = sit("support_lead", width=width, name="grace")
    grace.go(f"/admin/refunds/refundbatch/{batch.pk}/change/")
    grace.press("Approve")
    grace.press("Approve")
    assert grace.says("Approved. It begins in a minute.")
    grace.look("bulk-approved")

    files.run(batch)
    ada.page.reload()
    assert ada.says("Every row has ended: 2 became refunds.")
    ada.look("bulk-finished")
    assert sorted(Refund.objects.values_list("amount_minor", "status")) == [(500, "succeeded"), (500, "succeeded")]
    factories.assert_books_close()
