"""Reading disputes, and holding the rows of one under the house's lock order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet

from payments.connectors.disputes import Stage
from payments.intents import selectors as intent_selectors
from payments.intents.selectors import Held as HeldPayment
from payments.kernel import clock, invariants
from refunds import shapes, standing
from refunds.models import Dispute, DisputeFile, DisputeMovement, DisputeStage
from refunds.states import ANSWERABLE


@dataclass
class DisputeWithStages:
    """A dispute with its stages, the first one first, and the files of each by the stage's id."""

    dispute: Dispute
    stages: list[DisputeStage]
    files: dict[str, list[DisputeFile]] = field(default_factory=dict)

    @property
    def pk(self) -> str:
        """The dispute's id."""
        return self.dispute.pk

    @property
    def latest(self) -> DisputeStage:
        """The stage that it has come to."""
        return max(self.stages, key=lambda row: standing.STAGES.index(Stage(row.stage)))

    def shape(self) -> dict[str, Any]:
        """How clients see it."""
        return shapes.dispute(self.dispute, self.latest, self.files.get(self.latest.pk, ()))


@dataclass
class Held(DisputeWithStages):
    """The same inside a use case, with its payment: locked, and all rows of a dispute follow that lock."""

    payment: HeldPayment = field(kw_only=True)


def disputes_of(client_id: str) -> QuerySet[Dispute]:
    """A client's own disputes."""
    return Dispute.objects.filter(client_id=client_id)


def due_within(rows: QuerySet[Dispute], left: timedelta) -> QuerySet[Dispute]:
    """Those that wait for our answer and must have it within this time, or should have had it."""
    return rows.filter(status__in=ANSWERABLE, closed_at=None, respond_by__lte=clock.now() + left)


def with_stages(dispute_id: str, *, client_id: str) -> DisputeWithStages:
    """A client's own dispute with its stages; `DoesNotExist` for anybody else's."""
    return many([disputes_of(client_id).get(pk=dispute_id)])[0]


def many(rows: Sequence[Dispute]) -> list[DisputeWithStages]:
    """These disputes with their stages and files, in two queries more."""
    stages: dict[str, list[DisputeStage]] = {row.pk: [] for row in rows}
    for stage in DisputeStage.objects.filter(dispute__in=stages).order_by("pk"):
        stages[stage.dispute_id].append(stage)
    kept = files([stage.pk for found in stages.values() for stage in found])
    return [DisputeWithStages(row, stages[row.pk], {one.pk: kept[one.pk] for one in stages[row.pk]}) for row in rows]


def files(stage_ids: Iterable[str]) -> dict[str, list[DisputeFile]]:
    """The files that go with the answer of each stage, oldest first."""
    found: dict[str, list[DisputeFile]] = {stage_id: [] for stage_id in stage_ids}
    for row in DisputeFile.objects.filter(stage__in=found, removed_at=None).order_by("pk"):
        found[row.stage_id].append(row)
    return found


def hold(dispute_id: str, *, client_id: str | None = None) -> Held:
    """Lock the payment of a dispute and read it under that lock; `DoesNotExist` when it is not this client's."""
    rows = Dispute.objects.all() if client_id is None else disputes_of(client_id)
    payment = intent_selectors.hold_with_attempt(rows.values_list("attempt_id", flat=True).get(pk=dispute_id))
    return held(payment, Dispute.objects.get(pk=dispute_id))


def held(payment: HeldPayment, dispute: Dispute) -> Held:
    """A dispute that was read under its payment's lock."""
    whole = many([dispute])[0]
    return Held(dispute, whole.stages, whole.files, payment=payment)


def held_for_reading(dispute_id: str) -> DisputeWithStages:
    """A dispute with its stages and files, nothing locked."""
    return many([Dispute.objects.select_related("attempt").get(pk=dispute_id)])[0]


def told_of(account_id: str, reference: str) -> Dispute | None:
    """The dispute that a PSP has told of by this id of its own."""
    return Dispute.objects.filter(account_id=account_id, provider_reference=reference).first()


def booked(account_id: str, keys: Iterable[str]) -> dict[str, DisputeMovement]:
    """Those of a PSP's movements that are booked already, by the PSP's key."""
    found = DisputeMovement.objects.filter(account_id=account_id, key__in=list(keys))
    return {row.key: row for row in found}


invariants.declare(
    5,
    "dispute_sums",
    "What an intent has in dispute is the sum of its disputes",
    """SELECT i.id::text, i.amount_disputed_minor || ' in dispute, its disputes ' || coalesce(sum(d.taken), 0)
         FROM payments_paymentintent i
         LEFT JOIN (SELECT intent_id, greatest(amount_withdrawn_minor, 0) AS taken FROM refunds_dispute) d
           ON d.intent_id = i.id
        GROUP BY i.id HAVING i.amount_disputed_minor <> coalesce(sum(d.taken), 0)""",
    "SELECT count(*) FROM payments_paymentintent",
)
invariants.declare(
    5,
    "dispute_movements_add_up",
    "What a dispute has withdrawn and lost is the sum of its movements; it is lost where it stands against us",
    """WITH signed AS (SELECT dispute_id, kind IN ('withdrawn', 'reinstated') AS theirs,
                              CASE WHEN kind IN ('withdrawn', 'lost') THEN amount_minor ELSE -amount_minor END AS minor
                         FROM refunds_disputemovement),
            moved AS (SELECT dispute_id, coalesce(sum(minor) FILTER (WHERE theirs), 0) AS taken,
                             coalesce(sum(minor) FILTER (WHERE NOT theirs), 0) AS lost
                        FROM signed GROUP BY dispute_id)
       SELECT id::text, status || ': ' || amount_withdrawn_minor || ' withdrawn, ' || amount_lost_minor || ' lost'
         FROM refunds_dispute d LEFT JOIN moved m ON m.dispute_id = d.id
        WHERE amount_withdrawn_minor <> coalesce(taken, 0) OR amount_lost_minor <> coalesce(lost, 0)
           OR amount_lost_minor <> CASE WHEN status IN ('lost', 'accepted', 'expired')
              THEN greatest(amount_withdrawn_minor, 0) ELSE 0 END""",
    "SELECT count(*) FROM refunds_dispute",
)
invariants.declare(
    10,
    "dispute_movement_posted",
    "Every movement of a dispute has one posting, of its kind and amount",
    """SELECT m.id::text, m.kind || ' with ' || count(t.id) || ' postings of ' || coalesce(sum(e.amount_minor), 0)
         FROM refunds_disputemovement m
         LEFT JOIN payments_transfer t
           ON t.source_id = 'dpm_' || replace(m.id::text, '-', '') AND t.event = 'dispute_' || m.kind
         LEFT JOIN payments_entry e ON e.transfer_id = t.id AND e.amount_minor > 0
        GROUP BY m.id HAVING count(t.id) <> 1 OR sum(e.amount_minor) <> m.amount_minor""",
    "SELECT count(*) FROM refunds_disputemovement",
)
invariants.declare(
    10,
    "disputes_held",
    "What the ledger holds for disputes is what open and won disputes have withdrawn",
    """WITH booked AS (SELECT substr(a.code, 15) AS account, a.currency, sum(e.amount_minor) AS amount
                         FROM payments_entry e JOIN payments_account a ON a.id = e.account_id
                        WHERE a.code LIKE 'disputes_held/%' GROUP BY a.code, a.currency),
            withdrawn AS (SELECT p.code AS account, d.currency,
                                 sum(d.amount_withdrawn_minor - d.amount_lost_minor) AS amount
                            FROM refunds_dispute d JOIN payments_provideraccount p ON p.id = d.account_id
                           GROUP BY p.code, d.currency)
       SELECT account || ' ' || currency, coalesce(b.amount, 0) || ' booked, ' || coalesce(w.amount, 0) || ' withdrawn'
         FROM booked b FULL JOIN withdrawn w USING (account, currency)
        WHERE coalesce(b.amount, 0) <> coalesce(w.amount, 0)""",
    "SELECT count(*) FROM refunds_dispute",
)
invariants.declare(
    13,
    "dispute_owned",
    "Every dispute that is open will be looked at, or has a person; so has every warning of fraud that is not decided",
    """WITH open AS (
            SELECT 'dp_' || replace(id::text, '-', '') AS id, status FROM refunds_dispute
             WHERE closed_at IS NULL AND look_at IS NULL
            UNION ALL
            SELECT 'fw_' || replace(id::text, '-', ''), 'not decided' FROM refunds_fraudwarning WHERE decision = '')
       SELECT id, status FROM open o
        WHERE NOT EXISTS (SELECT FROM payments_attentionitem WHERE object_id = o.id AND closed_at IS NULL)""",
    "SELECT count(*) FROM refunds_dispute WHERE closed_at IS NULL",
)
