"""What has to be true in the end: the PSP's book and ours agree, and every invariant holds."""

import json
import urllib.request
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from config.demo import book
from config.demo.asking import check, wait_until
from payments.connectors.base import Verdict
from payments.gateway.models import ProviderCall
from payments.kernel import invariants
from payments.kernel.jobs import Job, JobState, Queue


def compare(simulator: str, *, open_ends: bool = False) -> str:
    """Our rows against the simulator's book of truth, once all jobs are done; how many objects there are.

    With `open_ends` calls may still be asked about that were never answered: they have moved nothing at the PSP.
    """
    wait_until(
        lambda: not ((_unsettled().exists() and not open_ends) or _jobs_to_do()), "the end of all jobs", seconds=60
    )
    with urllib.request.urlopen(f"{simulator}/_sim/book", timeout=30) as answer:  # noqa: S310
        lines = [json.loads(line) for line in answer.read().decode().splitlines() if line]
    found = book.differences(lines)
    check(not found, "; ".join(found[:3]))
    still = _unsettled().count()
    return f"{len(lines)} objects" + (f"; nothing moved for {still} that are still asked about" if still else "")


def verify() -> str:
    """Every invariant of the platform; over how many objects."""
    findings = list(invariants.verify())
    broken = [f"{one.check.name}: {subject} {why}" for one in findings for subject, why in one.broken]
    check(not broken, "; ".join(broken[:3]))
    return f"{len(findings)} checks over {sum(one.looked_at for one in findings):,} objects"


def _unsettled() -> QuerySet[ProviderCall]:
    """Calls of which the PSP has still to be asked what became of them: not those that wait for their customer."""
    return ProviderCall.objects.filter(look_at__isnull=False, verdict__in=["", Verdict.UNKNOWN])


def _jobs_to_do() -> bool:
    """Whether a job about money or news is due, or soon will be."""
    soon = timezone.now() + timedelta(minutes=2)
    jobs = Job.objects.filter(queue__in=[Queue.MONEY, Queue.WEBHOOKS], due_at__lte=soon)
    return jobs.exclude(state=JobState.DEAD).exists()
