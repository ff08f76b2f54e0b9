"""Each check of what finance relies on fires when somebody tampers, and is silent before."""

from datetime import UTC, date, datetime

from payments.gateway.models import LegalEntity, ProviderAccount
from payments.kernel import invariants
from payments.kernel.jobs import Job
from reporting.models import Close
from tests.byhand import behind_the_guards, sql
from tests.reporting import told


def fired(name: str) -> list[str]:
    """What a check says is broken."""
    return [subject for found in invariants.verify(name) for subject, _ in found.broken]


def test_a_loaded_file_has_all_of_its_lines(account: ProviderAccount) -> None:
    file = told.loaded(account, told.batch(), told.closed("42"))
    assert fired("settlement_file_whole") == []
    with behind_the_guards():
        sql("DELETE FROM reporting_settlementline WHERE number = 1")
    assert set(fired("settlement_file_whole")) == {file.pk}


def test_a_file_that_waits_has_a_job(account: ProviderAccount) -> None:
    file = told.kept(account, told.batch())
    assert fired("settlement_file_owned") == []
    Job.objects.filter(name="load_settlement").delete()
    assert fired("settlement_file_owned") == [file.pk]


def test_books_of_a_locked_day_are_closed(account: ProviderAccount) -> None:
    entity = LegalEntity.objects.get(pk=account.legal_entity_id)
    begins, ends = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
    day = {"kind": "day", "day": date(2026, 11, 2), "time_zone": "UTC", "starts_at": begins, "ends_at": ends}
    with behind_the_guards():
        row = Close(entity=entity, status="locked", edition=1, locked_at=ends, locked_by="staff fay", **day)
        row.save()
        sql("UPDATE payments_legalentity SET closed_until = %s", ends)
    assert fired("closed_books") == []
    with behind_the_guards():
        sql("UPDATE payments_legalentity SET closed_until = %s", begins)
    assert len(fired("closed_books")) == 1
