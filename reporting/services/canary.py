"""A synthetic payment for each provider account, on a schedule: written, sent, recorded, told when it fails twice."""

from datetime import timedelta
from typing import Final

from django.conf import settings

from payments.connectors.base import Authorize, Cancel, Outcome, Verdict
from payments.gateway import accounts, canaries
from payments.gateway.models import ProviderAccount
from payments.kernel import attention, clock, crashpoints, ids, jobs, money, unit
from payments.kernel.attention import AttentionKind
from payments.kernel.errors import Bug
from payments.methods import selectors as methods
from reporting.models.canaries import CanaryOutcome, CanaryRun

MINOR: Final = 100
KEPT: Final = timedelta(days=100)
"""The status page shows 90 days."""
STRIKES: Final = 2
"""One that fails may be the network; the second in a row gets a person."""
_BAD: Final = {Verdict.UNAVAILABLE: CanaryOutcome.UNAVAILABLE, Verdict.UNKNOWN: CanaryOutcome.UNKNOWN}


def release() -> None:
    """Let a canary fly for every account that has one."""
    with unit.work():
        for code in canaries.through():
            jobs.enqueue("send_canary", unique=f"canary:{code}", account=code)


def send(code: str) -> None:
    """Reserve an amount at the account's test environment, cancel it, and write down what came of it.

    One that died is sent again under its own key, so that nothing is reserved twice.
    """
    stands_in = canaries.through().get(code)
    if stands_in is None:
        return
    run, row = _begun(accounts.account(code), accounts.account(stands_in)), accounts.account(stands_in)
    crashpoints.reach("canary.committed")
    try:
        request = _request(run, row)
        approved = canaries.authorize(row, request)
        canceled = _canceled(run, row, approved)
    except Bug as mistake:  # no secret in the environment, no such method at this PSP
        _end(run, CanaryOutcome.BROKEN, None, str(mistake))
        return
    crashpoints.reach("canary.answered")
    outcome = _outcome(approved, canceled)
    _end(run, outcome, approved, "" if outcome == CanaryOutcome.GOOD else (canceled or approved).detail)


def forget() -> None:
    """Let go of those that no page shows any more."""
    CanaryRun.objects.filter(began_at__lt=clock.now() - KEPT).delete()


def _begun(account: ProviderAccount, through: ProviderAccount) -> CanaryRun:
    run = CanaryRun.objects.filter(account=account, ended_at=None).first()
    if run is None:
        run = CanaryRun(id=ids.new(canaries.PREFIX), account=account, through=through, began_at=clock.now())
        with unit.work() as work:
            work.add(run)
    return run


def _request(run: CanaryRun, row: ProviderAccount) -> Authorize:
    offer = methods.offer("card", row.pk)
    currency = row.currencies[0] if row.currencies else row.legal_entity.functional_currency
    return Authorize(
        key=run.pk, reference=run.pk, amount=money.from_minor(MINOR, currency), type=offer.type, fields=offer.fields,
        always=offer.always, capture=False, return_url=settings.PUBLIC_URL, description="canary",
        metadata={"canary": run.pk}, **canaries.card(row),
    )  # fmt: skip


def _canceled(run: CanaryRun, row: ProviderAccount, approved: Outcome) -> Outcome | None:
    if approved.verdict is not Verdict.APPROVED:
        return None
    return canaries.cancel(
        row,
        Cancel(key=f"{run.pk}-c", provider_reference=approved.provider_reference, reason="abandoned", reference=run.pk),
    )


def _outcome(approved: Outcome, canceled: Outcome | None) -> CanaryOutcome:
    if canceled is None:
        return _BAD.get(approved.verdict, CanaryOutcome.NOT_APPROVED)
    taken_on = canceled.verdict in (Verdict.CANCELED, Verdict.PENDING)
    return CanaryOutcome.GOOD if taken_on else CanaryOutcome.NOT_CANCELED


def _end(run: CanaryRun, outcome: CanaryOutcome, approved: Outcome | None, detail: str) -> None:
    """Record it; the second failure in a row gets a person, and a success ends that."""
    code = run.account.code
    with unit.work():
        run.change(
            outcome=outcome,
            ended_at=clock.now(),
            milliseconds=approved.latency_ms if approved is not None else None,
            provider_reference=approved.provider_reference if approved is not None else "",
            detail=detail[:200],
        )
        if outcome == CanaryOutcome.GOOD:
            why = f"the canary of {code} is well again"
            attention.close_items(run.account_id, because=why, by="canary", kind=AttentionKind.CANARY_FAILED)
        elif _strikes(run) >= STRIKES:
            why = f"{code}, tried through {run.through.code}: {outcome.label}. {detail}".strip()
            attention.open_item(AttentionKind.CANARY_FAILED, run.account_id, why)


def _strikes(run: CanaryRun) -> int:
    """How many in a row have failed, with this one."""
    before = CanaryRun.objects.filter(account=run.account_id, pk__lt=run.pk).order_by("-pk")[: STRIKES - 1]
    return 1 + sum(one.outcome != CanaryOutcome.GOOD for one in before)
