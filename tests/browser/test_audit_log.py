"""The audit log in a browser: an engineer switches an account off, an auditor reads who did it and what it changed."""

import pytest
from django.urls import reverse

from payments.gateway.models import ProviderAccount
from payments.kernel.audit import AuditEvent
from tests import factories
from tests.backoffice import pages
from tests.browser.conftest import WIDTHS, Sit

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", WIDTHS)
def test_an_auditor_reads_what_an_engineer_did(shop: factories.Shop, sit: Sit, width: int) -> None:
    account = ProviderAccount.objects.get(code="stripe-eu")
    engineer, auditor = sit("engineer", width=width), sit("auditor", width=width)
    engineer.go(pages.page_of("payments", "provideraccount", account.pk, "switch"))
    engineer.page.get_by_label("Reason").fill("It answers nothing since noon.")
    engineer.press("Switch off")

    auditor.go(pages.list_of("payments", "auditevent"))
    assert auditor.says("Kill switch switched off")
    auditor.look("audit-log")
    auditor.go(pages.page_of("payments", "auditevent", AuditEvent.objects.get(action="kill_switch.switched_off").pk))
    assert auditor.says("It answers nothing since noon.")
    assert auditor.says("Enabled Yes No")
    auditor.look("audit-event")
    auditor.go(pages.page_of("payments", "provideraccount", account.pk))
    auditor.press("Audit")
    assert auditor.page.url.endswith(reverse("admin:payments_auditevent_of", args=[account.pk]))
    assert auditor.says("Enabled: true → false")
    auditor.look("audit-of-an-account")
    auditor.go(pages.list_of("payments", "rowchange"))
    auditor.look("row-changes")
