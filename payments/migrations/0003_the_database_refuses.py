"""What the database refuses: rows that disagree about money, more captured than authorised, history rewritten.

Not one transaction: every step is short, gives up when it would have to wait behind others, and can be run again.
"""

from collections.abc import Sequence
from typing import ClassVar

from django.db import migrations, models

SHORT_WAIT = "SET LOCAL lock_timeout = '2s';"
"""Whoever waits for a lock makes everybody behind him wait: the step fails instead, and `migrate` is run again."""


def step(forwards: str, backwards: str, state: Sequence[migrations.operations.base.Operation] = ()) -> migrations.RunSQL:
    """One short transaction each way."""
    return migrations.RunSQL(SHORT_WAIT + forwards, SHORT_WAIT + backwards, state_operations=list(state))


def function(name: str, body: str) -> migrations.RunSQL:
    """A trigger function."""
    forwards = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$;"
    return step(forwards, f"DROP FUNCTION {name}();")


def trigger(table: str, name: str, when: str) -> migrations.RunSQL:
    """A trigger; `when` is all but its name and table."""
    kind = "CONSTRAINT TRIGGER" if "DEFERRED" in when else "TRIGGER"
    drop = f"DROP TRIGGER IF EXISTS {name} ON {table};"
    return step(f"{drop} CREATE {kind} {name} {when.format(table=table)};", drop)


def stays(table: str, columns: str, sentence: str) -> migrations.RunSQL:
    """These columns are written once. Costs nothing in an UPDATE that does not name them."""
    old, new = (", ".join(f"{row}.{column}" for column in columns.split()) for row in ("OLD", "NEW"))
    return trigger(
        table,
        "what_stays",
        f"BEFORE UPDATE OF {', '.join(columns.split())} ON {{table}} FOR EACH ROW"
        f" WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION payments_refuse('{sentence}')",
    )


def never_deleted(table: str, sentence: str) -> list[migrations.RunSQL]:
    """Rows of this table are kept."""
    refuse = f"EXECUTE FUNCTION payments_refuse('{sentence}')"
    return [
        trigger(table, "never_deleted", f"BEFORE DELETE ON {{table}} FOR EACH ROW {refuse}"),
        trigger(table, "no_truncate", f"BEFORE TRUNCATE ON {{table}} FOR EACH STATEMENT {refuse}"),
    ]


def check(table: str, name: str, column: str, values: Sequence[str]) -> list[migrations.RunSQL]:
    """A CHECK that the rows which are there are held against without keeping anybody from writing."""
    listed = ", ".join(f"'{value}'" for value in values)
    constraint = models.CheckConstraint(name=name, condition=models.Q(**{f"{column}__in": list(values)}))
    drop = f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}"
    return [
        step(
            f"{drop}, ADD CONSTRAINT {name} CHECK ({column} IN ({listed})) NOT VALID;",
            f"{drop};",
            [migrations.AddConstraint(table.removeprefix("payments_"), constraint)],
        ),
        step(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};", ""),
    ]


REFUSE = """
BEGIN
    RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = TG_ARGV[0];
END """

CHECK_INTENT = """
BEGIN
    IF EXISTS (SELECT FROM payments_order WHERE id = NEW.order_id AND currency <> NEW.currency) THEN
        RAISE EXCEPTION 'payment intent % has another currency than its order', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END """

CHECK_ATTEMPT = """
DECLARE
    intent record;
BEGIN
    SELECT currency, coalesce('ord_' || replace(order_id::text, '-', ''), '') AS owed INTO intent
      FROM payments_paymentintent WHERE id = NEW.intent_id;
    IF intent.currency <> NEW.currency OR intent.owed <> NEW.order_id THEN
        RAISE EXCEPTION 'attempt % has another currency or order than its payment intent', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END """

CHECK_CAPTURE = """
DECLARE
    attempt record;
    taken numeric;
BEGIN
    -- locked, so that of two captures at once the later one sees the earlier
    SELECT intent_id, currency, amount_minor INTO attempt
      FROM payments_paymentattempt WHERE id = NEW.attempt_id FOR NO KEY UPDATE;
    IF attempt.currency <> NEW.currency OR attempt.intent_id <> NEW.intent_id THEN
        RAISE EXCEPTION 'capture % has another currency or payment intent than its attempt', NEW.id
              USING ERRCODE = '23514';
    END IF;
    SELECT sum(amount_minor) INTO taken FROM payments_capture
     WHERE attempt_id = NEW.attempt_id AND status NOT IN ('failed', 'reversed');
    IF taken > attempt.amount_minor THEN
        RAISE EXCEPTION 'captures of % exceed the % that attempt % was authorised for',
              taken, attempt.amount_minor, NEW.attempt_id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END """

CHECK_ORDER_TOTAL = """
BEGIN
    IF EXISTS (SELECT FROM payments_paymentintent i JOIN payments_paymentattempt a ON a.intent_id = i.id
                WHERE i.order_id = NEW.id) THEN
        RAISE EXCEPTION 'the total of order % stays: it was tried to be paid', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END """

CHECK_INTENT_AMOUNT = """
BEGIN
    IF EXISTS (SELECT FROM payments_paymentattempt WHERE intent_id = NEW.id) THEN
        RAISE EXCEPTION 'the amount of payment intent % stays: it was tried to be paid', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END """

CHECK_ORDER_MONEY = """
BEGIN
    IF EXISTS (SELECT FROM payments_order WHERE id = NEW.id AND amount_refunded_minor > amount_paid_minor)
       AND NOT EXISTS (SELECT FROM payments_paymentintent WHERE order_id = NEW.id AND over_returned) THEN
        RAISE EXCEPTION 'more of order % is refunded than was paid, and no PSP reported it', NEW.id
              USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END """

ONE_IN_FLIGHT = models.UniqueConstraint(
    fields=["attempt"], name="capture_one_in_flight", condition=models.Q(status__in=["sent", "pending", "unknown"])
)
FITS_AGAIN = (
    "AFTER UPDATE OF status ON {table} FOR EACH ROW WHEN (OLD.status IN ('failed', 'reversed')"
    " AND NEW.status NOT IN ('failed', 'reversed')) EXECUTE FUNCTION payments_check_capture()"
)
TOTAL_STAYS = (
    "BEFORE UPDATE OF {column} ON {{table}} FOR EACH ROW WHEN (OLD.{column} <> NEW.{column})"
    " EXECUTE FUNCTION {function}()"
)


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("payments", "0002_database_rules")]
    operations: ClassVar = [
        function("payments_refuse", REFUSE),
        function("payments_check_intent", CHECK_INTENT),
        function("payments_check_attempt", CHECK_ATTEMPT),
        function("payments_check_capture", CHECK_CAPTURE),
        function("payments_check_order_total", CHECK_ORDER_TOTAL),
        function("payments_check_intent_amount", CHECK_INTENT_AMOUNT),
        function("payments_check_order_money", CHECK_ORDER_MONEY),
        # what agrees with its parent when it is written, and stays so
        trigger(
            "payments_paymentintent",
            "fits_order",
            "BEFORE INSERT ON {table} FOR EACH ROW WHEN (NEW.order_id IS NOT NULL)"
            " EXECUTE FUNCTION payments_check_intent()",
        ),
        trigger(
            "payments_paymentattempt",
            "fits_intent",
            "BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION payments_check_attempt()",
        ),
        trigger(
            "payments_capture",
            "fits_attempt",
            "AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION payments_check_capture()",
        ),
        trigger("payments_capture", "fits_attempt_again", FITS_AGAIN),
        stays("payments_account", "id code currency kind", "a ledger account keeps its code, currency and kind"),
        stays("payments_order", "id currency", "an order keeps its currency"),
        stays("payments_paymentintent", "id order_id currency", "a payment intent keeps its order and currency"),
        stays(
            "payments_paymentattempt",
            "id intent_id order_id account_id currency amount_minor call_id",
            "an attempt keeps its payment, provider account, amount, currency and call",
        ),
        stays(
            "payments_capture",
            "id attempt_id intent_id currency amount_minor call_id",
            "a capture keeps its attempt, amount, currency and call",
        ),
        stays(
            "payments_providercall",
            "id account_id kind owner_id body_hash region sent_at created_at",
            "a call to a PSP keeps what was asked, of whom, for what and when",
        ),
        stays(
            "payments_event",
            "id client_id type object_id sequence data previous created_at xid",
            "an event stays as it was told: only its dispatch is noted",
        ),
        trigger(
            "payments_order",
            "total_stays",
            TOTAL_STAYS.format(column="amount_total_minor", function="payments_check_order_total"),
        ),
        trigger(
            "payments_paymentintent",
            "amount_stays",
            TOTAL_STAYS.format(column="amount_minor", function="payments_check_intent_amount"),
        ),
        trigger(
            "payments_order",
            "refunded_within_paid",
            "AFTER INSERT OR UPDATE OF amount_paid_minor, amount_refunded_minor ON {table} DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW WHEN (NEW.amount_refunded_minor > NEW.amount_paid_minor)"
            " EXECUTE FUNCTION payments_check_order_money()",
        ),
        *never_deleted("payments_account", "a ledger account is never deleted"),
        *never_deleted("payments_providercall", "a call to a PSP is never deleted"),
        *never_deleted("payments_event", "an event is never deleted"),
        *check("payments_providercall", "call_kind", "kind", ["authorize", "capture", "cancel", "refund"]),
        *check(
            "payments_providercall",
            "call_verdict",
            "verdict",
            ["", "approved", "action_required", "pending", "declined", "canceled", "unavailable", "unknown"],
        ),
        # built while others write: it may wait for them as long as it must, nobody waits for it
        migrations.RunSQL("SET lock_timeout = 0", "RESET lock_timeout"),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS capture_one_in_flight", migrations.RunSQL.noop),
        migrations.RunSQL(
            "CREATE UNIQUE INDEX CONCURRENTLY capture_one_in_flight ON payments_capture (attempt_id)"
            " WHERE status IN ('sent', 'pending', 'unknown')",
            "DROP INDEX CONCURRENTLY IF EXISTS capture_one_in_flight",
            state_operations=[migrations.AddConstraint("capture", ONE_IN_FLIGHT)],
        ),
        migrations.RunSQL("RESET lock_timeout", "SET lock_timeout = 0"),
    ]
