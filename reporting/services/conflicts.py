"""Files that finance has to ask a PSP about: one says something else than what was loaded, or one has not come."""

from datetime import datetime

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.kernel import money
from reporting.models import DiscrepancyKind, SettlementFile
from reporting.services import discrepancies
from reporting.services.discrepancies import Found


def tell(file: SettlementFile, problem: str) -> None:
    """A file says something else than what was loaded before: a person asks which is right. With the open unit."""
    account = accounts.account(file.account_id)
    discrepancies.open_one(_found(DiscrepancyKind.FILE_CONFLICT, file.pk, account, problem, file.created_at))


def miss(account: ProviderAccount, reference: str, why: str, since: datetime) -> None:
    """A file that should be there is not. With the open unit; the same again changes nothing."""
    subject = missing(account, reference)
    discrepancies.open_one(_found(DiscrepancyKind.FILE_MISSING, subject, account, why, since))


def end(file: SettlementFile) -> None:
    """The file is loaded: it is not missing any more, and contradicts nothing. With the open unit."""
    account = accounts.account(file.account_id)
    because = f"{file.name} was loaded"
    discrepancies.clear_one(DiscrepancyKind.FILE_MISSING, missing(account, file.reference), because=because)
    discrepancies.clear_one(DiscrepancyKind.FILE_CONFLICT, file.pk, because=because)


def missing(account: ProviderAccount, reference: str) -> str:
    """What a missing file is known by."""
    return f"{account.code} {reference}"[:80]


def _found(kind: DiscrepancyKind, subject: str, account: ProviderAccount, detail: str, since: datetime) -> Found:
    """How much it is about nobody knows before the right file is there."""
    nothing = money.zero(account.legal_entity.functional_currency)
    return Found(kind=kind, subject_id=subject, account_id=account.pk, amount=nothing, detail=detail, since=since)
