"""What the database refuses of disputes: another payment's facts, movements that were changed, answers rewritten.

Not one transaction: every step is short, gives up when it would have to wait behind others, and can be run again.
"""

from typing import ClassVar

from django.db import migrations

SHORT_WAIT = "SET LOCAL lock_timeout = '2s';"

FITS_PAYMENT = """
CREATE OR REPLACE FUNCTION refunds_check_disputed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid record;
BEGIN
    SELECT a.intent_id, a.account_id, a.order_id, i.client_id INTO paid
      FROM payments_paymentattempt a JOIN payments_paymentintent i ON i.id = a.intent_id WHERE a.id = NEW.attempt_id;
    IF paid.intent_id <> NEW.intent_id OR paid.account_id <> NEW.account_id OR paid.order_id <> NEW.order_id
       OR paid.client_id <> NEW.client_id THEN
        RAISE EXCEPTION '% % has another payment intent, provider account, order or client than its attempt',
              TG_ARGV[0], NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
"""

HAS_CURRENCY = """
CREATE OR REPLACE FUNCTION refunds_check_dispute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments_paymentattempt WHERE id = NEW.attempt_id AND currency = NEW.currency) THEN
        RAISE EXCEPTION 'dispute % has another currency than its payment', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
"""

FITS_DISPUTE = """
CREATE OR REPLACE FUNCTION refunds_check_movement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM refunds_dispute WHERE id = NEW.dispute_id AND currency = NEW.currency
                      AND account_id = NEW.account_id) THEN
        RAISE EXCEPTION 'movement % has another currency or provider account than its dispute', NEW.id
              USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
"""

# Looked at when everything of the transaction is written: the dispute's sums, and what they are the sums of.
SUMS = """
CREATE OR REPLACE FUNCTION refunds_check_sums() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted uuid := CASE TG_TABLE_NAME WHEN 'refunds_dispute' THEN NEW.id ELSE (to_jsonb(NEW) ->> 'dispute_id')::uuid END;
    moved record;
    said record;
BEGIN
    SELECT coalesce(sum(CASE kind WHEN 'withdrawn' THEN amount_minor WHEN 'reinstated' THEN -amount_minor END), 0) AS taken,
           coalesce(sum(CASE kind WHEN 'lost' THEN amount_minor WHEN 'recovered' THEN -amount_minor END), 0) AS lost
      INTO moved FROM refunds_disputemovement WHERE dispute_id = wanted;
    SELECT amount_withdrawn_minor AS taken, amount_lost_minor AS lost INTO said FROM refunds_dispute WHERE id = wanted;
    IF said.taken <> moved.taken OR said.lost <> moved.lost THEN
        RAISE EXCEPTION 'dispute % says % withdrawn and % lost, its movements % and %',
              wanted, said.taken, said.lost, moved.taken, moved.lost USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
"""

ANSWER_STAYS = """
CREATE OR REPLACE FUNCTION refunds_check_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.answered_at IS NOT NULL THEN
        RAISE EXCEPTION 'the PSP has the answer to stage % of a dispute: it stays', OLD.id USING ERRCODE = '23514';
    END IF;
    IF OLD.answer <> '' AND NEW.answer <> '' AND (OLD.texts, OLD.answer) IS DISTINCT FROM (NEW.texts, NEW.answer) THEN
        RAISE EXCEPTION 'the answer to stage % of a dispute is on its way: it stays', OLD.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
"""

FILES_STAY = """
CREATE OR REPLACE FUNCTION refunds_check_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM refunds_disputestage WHERE id = NEW.stage_id AND answer = '' FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the files of stage % of a dispute stay: it is answered', NEW.stage_id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
"""

FUNCTIONS = {
    "refunds_check_disputed": FITS_PAYMENT,
    "refunds_check_dispute": HAS_CURRENCY,
    "refunds_check_movement": FITS_DISPUTE,
    "refunds_check_sums": SUMS,
    "refunds_check_answer": ANSWER_STAYS,
    "refunds_check_file": FILES_STAY,
}


def trigger(table: str, name: str, when: str, kind: str = "TRIGGER") -> migrations.RunSQL:
    """One trigger, made in one short transaction; `when` is all but its name."""
    drop = f"{SHORT_WAIT} DROP TRIGGER IF EXISTS {name} ON {table};"
    return migrations.RunSQL(f"{drop} CREATE {kind} {name} {when};", drop)


def stays(table: str, columns: str, sentence: str) -> migrations.RunSQL:
    """These columns are written once."""
    old, new = (", ".join(f"{row}.{column}" for column in columns.split()) for row in ("OLD", "NEW"))
    named, refuse = ", ".join(columns.split()), f"EXECUTE FUNCTION payments_refuse('{sentence}')"
    when = f"BEFORE UPDATE OF {named} ON {table} FOR EACH ROW WHEN (({old}) IS DISTINCT FROM ({new})) {refuse}"
    return trigger(table, "what_stays", when)


def never(table: str, what: str, each: str, sentence: str) -> migrations.RunSQL:
    """This is refused whatever the row."""
    name = {"DELETE": "never_deleted", "TRUNCATE": "no_truncate", "UPDATE": "never_changed"}[what]
    when = f"BEFORE {what} ON {table} FOR EACH {each} EXECUTE FUNCTION payments_refuse('{sentence}')"
    return trigger(table, name, when)


TABLES = {
    "refunds_dispute": "a dispute is kept",
    "refunds_disputestage": "a stage of a dispute is kept",
    "refunds_disputemovement": "a movement of a dispute is kept as it is",
    "refunds_disputefile": "a file of a dispute is kept",
    "refunds_fraudwarning": "a warning of fraud is kept",
}
PAYMENT = "id client_id intent_id order_id attempt_id account_id provider_reference"


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("refunds", "0004_disputes")]
    operations: ClassVar = [
        *(migrations.RunSQL(create, f"DROP FUNCTION {name}()") for name, create in FUNCTIONS.items()),
        trigger("refunds_dispute", "fits_payment", "BEFORE INSERT ON refunds_dispute FOR EACH ROW"
                " EXECUTE FUNCTION refunds_check_disputed('dispute')"),
        trigger("refunds_dispute", "has_currency", "BEFORE INSERT ON refunds_dispute FOR EACH ROW"
                " EXECUTE FUNCTION refunds_check_dispute()"),
        trigger("refunds_fraudwarning", "fits_payment", "BEFORE INSERT ON refunds_fraudwarning FOR EACH ROW"
                " EXECUTE FUNCTION refunds_check_disputed('fraud warning')"),
        trigger("refunds_disputemovement", "fits_dispute", "BEFORE INSERT ON refunds_disputemovement FOR EACH ROW"
                " EXECUTE FUNCTION refunds_check_movement()"),
        trigger("refunds_disputemovement", "sums", "AFTER INSERT ON refunds_disputemovement"
                " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refunds_check_sums()",
                "CONSTRAINT TRIGGER"),
        trigger("refunds_dispute", "sums", "AFTER INSERT OR UPDATE OF amount_withdrawn_minor, amount_lost_minor"
                " ON refunds_dispute DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
                " EXECUTE FUNCTION refunds_check_sums()", "CONSTRAINT TRIGGER"),
        trigger("refunds_disputestage", "answer_stays", "BEFORE UPDATE OF texts, answer, answer_by, answer_because,"
                " answer_at, answered_at ON refunds_disputestage FOR EACH ROW EXECUTE FUNCTION refunds_check_answer()"),
        trigger("refunds_disputefile", "files_stay", "BEFORE INSERT OR UPDATE OF removed_at ON refunds_disputefile"
                " FOR EACH ROW EXECUTE FUNCTION refunds_check_file()"),
        stays("refunds_dispute", f"{PAYMENT} currency", "a dispute keeps its payment, provider account and currency"),
        stays("refunds_disputestage", "id dispute_id stage", "a stage keeps its dispute"),
        stays("refunds_disputefile", "id stage_id kind filename content_type size sha256 uploaded_by",
              "a file keeps what it is"),
        stays("refunds_fraudwarning", PAYMENT, "a warning of fraud keeps its payment"),
        never("refunds_disputemovement", "UPDATE", "ROW", TABLES["refunds_disputemovement"]),
        *(never(table, "DELETE", "ROW", sentence) for table, sentence in TABLES.items()),
        *(never(table, "TRUNCATE", "STATEMENT", sentence) for table, sentence in TABLES.items()),
    ]  # fmt: skip
