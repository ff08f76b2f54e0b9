"""The audit log: every event has its place in a chain that nobody can change, cut or add to without being found."""

import io
import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from payments.kernel import audit, unit
from payments.kernel.audit import AuditEvent
from tests import factories
from tests.byhand import behind_the_guards, refused, sql

pytestmark = pytest.mark.django_db(transaction=True)


def three() -> list[AuditEvent]:
    for number in (1, 2, 3):
        audit.record("refund.approved", f"re_{number}", because="It was asked for.", after={"status": "queued"})
    return list(AuditEvent.objects.order_by("sequence"))


def found() -> list[str]:
    return [fault for fault in factories.broken() if fault.startswith("audit_chain")]


def test_events_are_numbered_and_chained_as_they_are_committed() -> None:
    first, second, third = three()

    assert [row.sequence for row in (first, second, third)] == [1, 2, 3]
    assert (first.previous, second.previous, third.previous) == ("", first.hash, second.hash)
    assert len({row.hash for row in (first, second, third)} - {""}) == 3
    assert first.by == audit.SYSTEM
    assert found() == []


def test_what_is_rolled_back_leaves_neither_an_event_nor_a_gap() -> None:
    audit.record("refund.approved", "re_1")
    with pytest.raises(ZeroDivisionError), unit.work():  # noqa: PT012  what fails is the whole of it
        audit.record("refund.approved", "re_2")
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        audit.record("refund.approved", "re_3")
        raise ZeroDivisionError
    with unit.work():
        audit.record("refund.approved", "re_4")

    assert list(AuditEvent.objects.order_by("sequence").values_list("object_id", "sequence")) == [
        ("re_1", 1),
        ("re_4", 2),
    ]
    assert found() == []


def test_who_has_recorded_and_not_committed_keeps_nobody_waiting() -> None:
    recorded, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            audit.record("books.closed", "slow")
            recorded.set()
            assert go_on.wait(120)
        connection.close()

    slow = threading.Thread(target=slowly)
    slow.start()
    assert recorded.wait(120)
    audit.record("refund.approved", "quick")
    go_on.set()
    slow.join(120)

    assert list(AuditEvent.objects.order_by("sequence").values_list("object_id", flat=True)) == ["quick", "slow"]
    assert found() == []


def test_many_at_once_stand_in_one_line() -> None:
    barrier = threading.Barrier(8)

    def together(number: int) -> None:
        barrier.wait(120)
        for turn in range(5):
            audit.record("refund.approved", f"re_{number}_{turn}")
        connection.close()

    people = [threading.Thread(target=together, args=[number]) for number in range(8)]
    for one in people:
        one.start()
    for one in people:
        one.join(120)

    assert list(AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True)) == list(range(1, 41))
    assert found() == []


def test_who_dies_before_the_commit_is_done_leaves_nothing_and_holds_nobody_up() -> None:
    audit.record("refund.approved", "re_1")
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            "INSERT INTO payments_auditevent (id, at, by, address, request_id, action, object_id, because, before,"
            " after, previous, hash) SELECT gen_random_uuid(), at, by, address, request_id, action, object_id, because,"
            " before, after, '', '' FROM payments_auditevent"
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # it holds the end of the chain, as within its commit
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    sql("SELECT pg_terminate_backend(%s, 10000)", pid)
    other.close()
    audit.record("refund.approved", "re_2")

    assert list(AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2]
    assert found() == []


def test_nobody_changes_deletes_or_places_an_event() -> None:
    three()
    with refused("stays as it was written"):
        AuditEvent.objects.filter(sequence=2).update(because="another reason")
    with refused("stays as it was written"):
        AuditEvent.objects.filter(sequence=3).delete()
    with refused("stays as it was written"):
        sql("TRUNCATE payments_auditevent")
    with refused("has its head"):
        sql("DELETE FROM payments_audithead")
    AuditEvent(action="refund.approved", by="me", sequence=9, hash="chosen", previous="too").save(force_insert=True)
    last = AuditEvent.objects.get(by="me")

    assert (last.sequence, last.hash != "chosen") == (4, True)
    assert found() == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE payments_auditevent SET because = 'nobody asked' WHERE sequence = 2", "event 2 was changed"),
        ("UPDATE payments_auditevent SET by = 'staff other' WHERE sequence = 1", "event 1 was changed"),
        ("UPDATE payments_auditevent SET after = '{}' WHERE sequence = 3", "event 3 was changed"),
        ("DELETE FROM payments_auditevent WHERE sequence = 1", "events 1 to 1 are missing"),
        ("DELETE FROM payments_auditevent WHERE sequence = 2", "events 2 to 2 are missing"),
        ("DELETE FROM payments_auditevent WHERE sequence = 3", "ends at event 2, its head is at 3"),
        ("DELETE FROM payments_auditevent", "ends at event 0, its head is at 3"),
        ("DELETE FROM payments_audithead", "its head is at nothing"),
        (
            "INSERT INTO payments_auditevent SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'id', gen_random_uuid(), 'sequence', null, 'xid', '7'))).* FROM payments_auditevent e WHERE sequence = 1",
            "stands outside the chain",
        ),
        (
            "INSERT INTO payments_auditevent SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'id', gen_random_uuid(), 'sequence', 4))).* FROM payments_auditevent e WHERE sequence = 3",
            "event 4 was changed",
        ),
        # who also makes the hash right breaks the one that follows
        (
            "UPDATE payments_auditevent SET by = 'staff other' WHERE sequence = 2;"
            " UPDATE payments_auditevent e SET hash = payments_audit_hash(e) WHERE sequence = 2",
            "event 3 does not follow",
        ),
    ],
)
def test_what_was_done_behind_the_guards_is_found(statement: str, words: str) -> None:
    three()
    with behind_the_guards():
        sql(statement)

    assert any(words in fault for fault in found()), found()


def test_secrets_and_card_numbers_are_not_kept() -> None:
    key = "sk_" + "live_51HyperSecretKeyOfAnAccount"
    audit.record(
        "client.changed",
        "x",
        because="card 4242 4242 4242 4242\x00",
        before={"api_key": "plain", "note": f"was {key}"},
        after={"deep": [{"password": "p"}], "long": "a" * 9000, "at": 5, "surrogate": "\ud800"},
    )
    row = AuditEvent.objects.get()

    assert row.because == "card [card number]"
    assert row.before == {"api_key": "[hidden]", "note": "was sk_live_[hidden]"}
    assert (row.after["deep"], row.after["at"], len(row.after["long"])) == ([{"password": "[hidden]"}], 5, 2001)
    assert found() == []


def test_the_verb_says_what_was_done_to_what() -> None:
    for words in ("approved", "Refund.approved", "refund approved"):
        with pytest.raises(Exception, match="says what was done"):
            audit.record(words, "re_1")
    assert not AuditEvent.objects.exists()


def test_who_asks_is_asked_when_something_is_recorded() -> None:
    names = iter(("nobody", "staff lena"))
    asker = audit.Asker(who=lambda: next(names), address="192.0.2.7", request_id="req_1")
    with audit.asked_by(asker):
        audit.record("user.sign_in_failed", "")
        audit.record("user.signed_in", "")
    audit.record("job.ended", "")
    rows: Any = AuditEvent.objects.order_by("sequence").values_list("by", "address", "request_id")

    assert list(rows) == [("nobody", "192.0.2.7", "req_1"), ("staff lena", "192.0.2.7", "req_1"), ("system", "", "")]


def test_an_event_that_is_given_twice_is_refused_whole() -> None:
    first = three()[0]
    with pytest.raises(IntegrityError):
        first.save(force_insert=True)

    assert found() == []


def test_a_log_that_was_rewritten_from_its_beginning_is_found_by_what_was_noted_elsewhere() -> None:
    three()
    written = io.StringIO()
    call_command("audit", "head", stdout=written)
    sequence, noted = written.getvalue().split()
    call_command("audit", "check", sequence, noted, stdout=written)
    with behind_the_guards():
        sql("UPDATE payments_auditevent SET by = 'staff other' WHERE sequence = 1")
        for number in (1, 2, 3):  # as thorough as somebody with every right can be
            sql(
                "UPDATE payments_auditevent e SET previous = coalesce((SELECT hash FROM payments_auditevent"
                " WHERE sequence = %s), '') WHERE sequence = %s",
                number - 1,
                number,
            )
            sql("UPDATE payments_auditevent e SET hash = payments_audit_hash(e) WHERE sequence = %s", number)
        sql("UPDATE payments_audithead SET hash = (SELECT hash FROM payments_auditevent WHERE sequence = 3)")

    assert found() == []
    with pytest.raises(CommandError, match="has been rewritten"):
        call_command("audit", "check", sequence, noted)
