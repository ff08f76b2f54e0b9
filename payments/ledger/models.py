"""Double entry: accounts, transfers, entries. Append-only; the database refuses what does not balance."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from payments.kernel import clock, ids, records
from payments.ledger.postings import AccountKind, Event


class Account(models.Model):
    """One account in one currency. Its id follows from code and currency, so that posting needs no look-up."""

    id = models.UUIDField(primary_key=True, editable=False)
    code = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in AccountKind])

    class Meta:
        app_label = "payments"
        constraints = (models.UniqueConstraint(fields=["code", "currency"], name="ledger_account_code"),)

    def __str__(self) -> str:
        return f"{self.code} {self.currency}"


class Transfer(models.Model):
    """One movement of money, booked once: unique on what happened (`event`) and to what (`source_id`).

    The database keeps closed books closed: what would fall into them is effective in the open period, from when it was
    booked, and `original_effective_at` keeps when the money moved.
    """

    id = ids.IdField("tr")
    event = models.CharField(max_length=24, choices=[(event.value, event.value) for event in Event])
    source_id = models.CharField(max_length=40, help_text="The movement itself: this capture, this refund.")
    place = models.CharField(max_length=64, null=True, help_text="The provider or bank account whose books it is in.")
    effective_at = models.DateTimeField(help_text="When the money moved.")
    original_effective_at = models.DateTimeField(
        null=True, help_text="When the money moved, where those books were closed: it stands in the open period."
    )
    booked_at = models.DateTimeField(default=clock.now, help_text="When we wrote it down.")
    narrative = models.TextField()
    refs = models.JSONField(default=dict, help_text="Ids of the order, intent and attempt it belongs to.")
    xid = records.TransactionId()

    class Meta:
        app_label = "payments"
        constraints = (models.UniqueConstraint(fields=["event", "source_id"], name="ledger_booked_once"),)
        indexes = (
            models.Index(fields=["source_id"], name="ledger_transfer_source"),
            models.Index(fields=["xid"], name="ledger_transfer_xid"),  # what is to be sealed; it grows at its end only
            # written in about this order: it costs next to nothing, and a day's transfers are found
            BrinIndex("effective_at", name="ledger_transfer_effective", autosummarize=True, pages_per_range=16),
        )

    def __str__(self) -> str:
        return self.narrative


class Entry(models.Model):
    """One signed line of a transfer: debit positive, credit negative. Partitioned by month on its id.

    That its transfer and account are there is checked by the set: a trigger (`balanced`) instead of two foreign keys.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    transfer = models.ForeignKey(
        Transfer, on_delete=models.PROTECT, related_name="entries", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    booked_at = models.DateTimeField(default=clock.now)
    xid = records.TransactionId()

    class Meta:
        app_label = "payments"
        verbose_name_plural = "entries"
        indexes = (
            models.Index(fields=["transfer"], name="ledger_entry_transfer"),
            models.Index(fields=["account", "booked_at"], name="ledger_entry_account"),
        )
        constraints = (models.CheckConstraint(name="ledger_entry_not_zero", condition=~models.Q(amount_minor=0)),)

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency}"


class Seal(models.Model):
    """A block of transfers that are sealed: those of the transactions from `since_xid` on and before `until_xid`.

    `leaves` holds of each, in the order of transactions and ids, its id (16 bytes) and the SHA-256 of all that it and
    its entries say (32). `root` is the root of their Merkle tree; `hash` is SHA-256 over the hash before it, the root,
    and what else the block says: the audit log's newest event too. Only the database's own function writes it.
    """

    number = models.BigIntegerField(primary_key=True, help_text="From 1, without gaps.")
    since_xid = records.TransactionId()
    until_xid = records.TransactionId()
    transfers = models.BigIntegerField()
    leaves = models.BinaryField()
    root = models.CharField(max_length=64)
    audit_sequence = models.BigIntegerField()
    audit_hash = models.CharField(max_length=64, blank=True)
    previous = models.CharField(max_length=64, blank=True, help_text="The hash of the block before it.")
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        app_label = "payments"

    def __str__(self) -> str:
        return f"block {self.number}"
