"""The seal: whoever changes the books behind the guards is found out, whichever row it is, and also at their end."""

import io
import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from pytest_django.fixtures import Settings

from payments.kernel import audit, invariants
from payments.ledger import seal
from payments.ledger import services as ledger
from payments.ledger.models import Seal, Transfer
from payments.ledger.postings import Event
from tests.byhand import behind_the_guards
from tests.ledger.conftest import post, sql


@pytest.fixture(autouse=True)
def books(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[None]:
    """Empty books, and a directory for anchors."""
    ledger.forget_accounts()
    settings.RUN_DIR = tmp_path
    yield
    ledger.forget_accounts()


def broken() -> list[tuple[str, str]]:
    """What the seal finds, the first first."""
    [finding] = invariants.verify("ledger_seal")
    return finding.broken


def tamper(statement: str, *parameters: object) -> None:
    """What whoever owns the database can do."""
    with behind_the_guards():
        sql(statement, *parameters)


MANY = """
SELECT 'cap_' || lpad(n::text, 32, '0') AS source_id, now() AS effective_at, 'many' AS narrative, '{}'::jsonb AS refs,
       side.code, 'USD' AS currency, side.minor AS amount_minor
  FROM generate_series(1, %(many)s) n
 CROSS JOIN (VALUES ('psp_receivable/stripe-us', 5), ('order_clearing', -5)) side (code, minor)"""


def post_many(many: int) -> None:
    """Book so many movements with the open transaction."""
    ledger.post_all(Event.CAPTURED, MANY, {"many": many})


def transfer(source: str) -> str:
    """The id of what was booked of it."""
    return str(Transfer.objects.get(source_id=source).pk)


def key(source: str) -> str:
    """The same as the tables have it."""
    return transfer(source).removeprefix("tr_")


def test_what_is_booked_is_sealed_once_in_blocks_that_follow_one_another() -> None:
    sources = [post(100 + n) for n in range(5)]
    assert seal.seal() == 5
    assert seal.seal() == 0, "nothing new makes no block"
    sources.append(post(9_000, event=Event.REFUND_SENT))
    assert seal.seal() == 1
    one, two = Seal.objects.order_by("number")
    assert (one.number, one.transfers, one.previous, two.previous) == (1, 5, "", one.hash)
    assert two.since_xid == one.until_xid
    ids = [bytes(one.leaves)[at : at + 16].hex() for at in range(0, len(one.leaves), 48)]
    assert ids == [key(source) for source in sources[:5]]
    assert broken() == []
    [finding] = invariants.verify("ledger_seal")
    assert finding.looked_at == 6


def test_the_root_is_that_of_a_merkle_tree() -> None:
    for _ in range(3):
        post()
    seal.seal()
    block = Seal.objects.get()
    a, b, c = (bytes(block.leaves)[at + 16 : at + 48] for at in (0, 48, 96))
    assert block.root == sha256(b"\x01" + sha256(b"\x01" + a + b).digest() + c).hexdigest()


def test_many_transfers_are_several_blocks_and_a_transaction_is_of_one() -> None:
    for _ in range(4):
        post()
    with transaction.atomic():
        post_many(6)
    post()
    assert [seal.seal(most=2) for _ in range(5)] == [2, 2, 6, 1, 0]
    assert broken() == []


def test_a_transaction_that_is_committed_late_is_passed_over_by_no_block() -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            post_many(1)
            begun.set()
            go.wait(30)
        connection.close()
        ended.set()

    post(222)
    worker = threading.Thread(target=slowly)
    worker.start()
    assert begun.wait(30)
    post(333)
    assert seal.seal() == 1, "what was committed while another still runs waits with it"
    go.set()
    assert ended.wait(30)
    worker.join()
    assert seal.seal() == 2
    assert broken() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE payments_transfer SET narrative = 'something else' WHERE id = %s::uuid",
        "UPDATE payments_transfer SET effective_at = effective_at + interval '1 microsecond' WHERE id = %s::uuid",
        "UPDATE payments_transfer SET refs = '{}' WHERE id = %s::uuid",
        "UPDATE payments_entry SET amount_minor = amount_minor * 2 WHERE transfer_id = %s::uuid",
        "DELETE FROM payments_entry WHERE transfer_id = %s::uuid",
        "UPDATE payments_entry SET account_id = (SELECT min(account_id::text)::uuid FROM payments_entry)"
        " WHERE transfer_id = %s::uuid",
    ],
)
def test_a_changed_row_is_named(change: str) -> None:
    sources = [post(100 + n) for n in range(4)]
    seal.seal()
    post()
    seal.seal()
    tamper(change, key(sources[2]))
    assert broken() == [(transfer(sources[2]), "was changed, or its entries were, after block 1 had sealed it")]


def test_the_first_of_several_is_named_first() -> None:
    sources = [post(100 + n) for n in range(4)]
    seal.seal()
    for source in (sources[3], sources[1]):
        tamper("UPDATE payments_transfer SET narrative = 'x' WHERE id = %s::uuid", key(source))
    assert [subject for subject, _ in broken()] == [transfer(sources[1]), transfer(sources[3])]


def test_a_row_that_is_gone_and_one_that_was_put_in_between_are_named() -> None:
    gone = post()
    post()
    seal.seal()
    name, gone_key = transfer(gone), key(gone)
    tamper("DELETE FROM payments_entry WHERE transfer_id = %s::uuid", gone_key)
    tamper("DELETE FROM payments_transfer WHERE id = %s::uuid", gone_key)
    assert broken() == [(name, "is missing: block 1 has sealed it")]
    added = post()
    tamper("UPDATE payments_transfer SET xid = (SELECT since_xid FROM payments_seal) WHERE id = %s::uuid", key(added))
    assert (transfer(added), "was written in between: block 1 lacks it") in broken()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE payments_seal SET sealed_at = now() WHERE number = 1", "its hash is another"),
        ("UPDATE payments_seal SET root = hash WHERE number = 2", "other leaves"),
        ("DELETE FROM payments_seal WHERE number = 1", "does not follow block 1"),
    ],
)
def test_a_block_that_was_tampered_with_is_named(change: str, why: str) -> None:
    for _ in range(2):
        post()
        seal.seal()
    tamper(change)
    assert any(why in found for subject, found in broken() if subject.startswith("block"))


def test_a_tail_that_was_cut_off_is_found_by_the_anchors() -> None:
    post()
    seal.seal()
    seal.anchor()
    last = post()
    seal.seal()
    seal.anchor()
    call_command("ledger", "verify", stdout=io.StringIO())
    out = io.StringIO()
    call_command("ledger", "head", stdout=out)
    number, noted = out.getvalue().split()

    last_key = key(last)
    tamper("DELETE FROM payments_entry WHERE transfer_id = %s::uuid", last_key)
    tamper("DELETE FROM payments_transfer WHERE id = %s::uuid", last_key)
    tamper("DELETE FROM payments_seal WHERE number = 2")
    assert broken() == [], "what is left holds by itself"
    with pytest.raises(CommandError, match=r"block 2, anchored as sealed at .*, is gone or another one"):
        call_command("ledger", "verify", stdout=io.StringIO())
    with pytest.raises(CommandError, match="block 2 is not the one noted"):
        call_command("ledger", "check", number, noted, stdout=io.StringIO())


def test_an_anchor_is_a_file_that_is_written_once(settings: Settings) -> None:
    seal.anchor()
    post()
    seal.seal_ledger()
    for _ in range(2):
        seal.anchor_ledger()
    [file] = (Path(settings.RUN_DIR) / "anchors").iterdir()
    block = Seal.objects.get()
    said = json.loads(file.read_text())
    assert (file.name, said["block"], said["hash"]) == ("ledger-000000000001.json", 1, block.hash)


def test_the_audit_log_is_sealed_with_the_books() -> None:
    audit.record("refund.approved", "re_1")
    post()
    seal.seal()
    block = Seal.objects.get()
    assert (block.audit_sequence, block.audit_hash) == audit.head()
    tamper("UPDATE payments_auditevent SET hash = '' WHERE sequence = 1")
    assert broken() == [("block 1", "was sealed with event 1 of the audit log, which is another one now")]


def test_the_database_lets_nobody_unseal() -> None:
    post()
    seal.seal()
    for statement in (
        "UPDATE payments_seal SET hash = ''",
        "DELETE FROM payments_seal",
        "TRUNCATE payments_seal",
    ):
        with pytest.raises(DatabaseError, match="what was sealed stays as it was sealed"):
            sql(statement)
