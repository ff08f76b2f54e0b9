"""Leads refund by the file: one uploads and looks through it, another approves, and both watch what comes of it."""

import csv
import io
import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from payments.kernel.jobs import Queue
from refunds.models import Refund, RefundBatch
from refunds.services import bulk
from tests import factories
from tests.backoffice import pages
from tests.refunds import files
from tests.refunds.files import row

NEW = "/admin/refunds/refundbatch/new/"


@pytest.fixture
def ada(staff: Any) -> Client:
    """A lead's browser."""
    browser: Client = staff("support_lead")
    return browser


@pytest.fixture
def grace(ada: Client) -> Client:
    """Another lead's browser."""
    user = User.objects.create_user("grace", password="correct horse battery staple", is_staff=True)
    user.groups.set(Group.objects.filter(name="support_lead"))
    return pages.signed_in(user)


def page(name: str = "change") -> str:
    """The address of a page of the latest bulk refund."""
    return pages.page_of("refunds", "refundbatch", RefundBatch.objects.latest("created_at").pk, name)


def upload(browser: Client, content: bytes, name: str = "november.csv") -> str:
    """What the lead reads after uploading a file."""
    answer = browser.post(NEW, {"file": SimpleUploadedFile(name, content, "text/csv")}, follow=True)
    assert answer.status_code == 200
    return pages.plain(answer.content.decode())


def do(browser: Client, move: str, **fields: str) -> str:
    """What the lead reads after a move was confirmed."""
    return pages.plain(browser.post(page(move), fields, follow=True).content.decode())


def test_one_lead_uploads_another_approves_and_both_see_what_came_of_it(
    shop: factories.Shop, sim: factories.Simulator, ada: Client, grace: Client
) -> None:
    one, two = shop.paid(1999), shop.paid(500)
    told = upload(ada, files.csv(row(one["id"], "5.00"), row(two["order"]), row(two["id"], "9.00"), "=1,1,x,"))
    assert "Every row is being checked." in told
    assert ada.get(page("progress")).json()["status"] == "uploaded"

    factories.work(Queue.BULK)
    told = pages.text(ada, page())
    assert "2 of 4 rows can be refunded. 2 cannot, and are left out." in told
    assert "What goes back Currency Rows Amount USD 2 10.00 USD" in told
    assert "The id begins with =, as formulas do." in told
    assert "All 4 Go back 2 Problems 2 Twice 0" in told
    assert "begins with" not in pages.text(ada, page(), show="fits")
    assert "2 rows go back: 10.00 USD. Another lead is asked" in pages.text(ada, page("ask"))

    assert "Approval is asked for." in do(ada, "ask")
    assert page("approve") not in ada.get(page()).content.decode(), "nobody approves what is their own"
    assert "neither" not in do(ada, "approve")
    assert RefundBatch.objects.get().status == "needs_approval"
    assert "staff support_lead asks for approval." in pages.text(grace, page())
    assert "Approved. It begins in a minute." in do(grace, "approve")
    assert "all of it can be called back;" in pages.text(ada, page())

    files.run(RefundBatch.objects.get())
    told = pages.text(ada, page())
    assert "Every row has ended: 2 became refunds." in told
    assert "Its refunds Refunds How many Succeeded 2" in told
    assert "Approved → Running" in told
    results = ada.get(page("results"))
    lines = list(csv.DictReader(io.StringIO(b"".join(results.streaming_content).decode())))  # type: ignore[attr-defined]  # streamed
    assert [line["outcome"] for line in lines] == ["refund", "refund", "left_out", "left_out"]
    assert lines[3]["id"] == "'=1"
    assert set(LogEntry.objects.values_list("user__username", flat=True)) == {"support_lead", "grace"}
    factories.assert_books_close()


def test_the_problems_can_be_put_right_and_uploaded(shop: factories.Shop, ada: Client) -> None:
    intent = shop.paid(1999)
    upload(ada, files.csv(row(intent["id"], "29.99"), row(intent["id"], "5.00")))
    factories.work(Queue.BULK)
    file = b"".join(ada.get(page("problems")).streaming_content)  # type: ignore[attr-defined]  # streamed
    assert b"too_much,Only 19.99 USD can be refunded." in file

    upload(ada, file.replace(b"29.99", b"19.99"))
    factories.work(Queue.BULK)
    assert "1 of 1 rows can be refunded." in pages.text(ada, page())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"id,amount\r\n", "There is no column reason."),
        (b"PK\x03\x04", "This is a workbook, not a CSV file."),
        ("id,amount,reason\r\nÄ".encode("latin-1"), "Row 2 is not written in UTF-8"),
    ],
)
def test_a_file_that_is_none_is_refused_beside_the_form(db: None, ada: Client, content: bytes, words: str) -> None:
    assert words in upload(ada, content)
    assert not RefundBatch.objects.exists()


def test_no_file_is_said_beside_the_form(db: None, ada: Client) -> None:
    assert "Choose a file." in pages.plain(ada.post(NEW).content.decode())


def test_the_same_file_again_has_to_be_meant(shop: factories.Shop, ada: Client) -> None:
    content = files.csv(row(shop.paid(1999)["id"], "5.00"))
    upload(ada, content)
    assert "This is the very same file as" in upload(ada, content)
    factories.work(Queue.BULK)

    assert "Yes, refund this file once more" in pages.text(ada, page("ask"))
    assert "Say that it is meant once more." in do(ada, "ask")
    assert "Approval is asked for." in do(ada, "ask", once_more="on")


def test_what_looks_like_a_duplicate_is_refunded_when_somebody_says_so(shop: factories.Shop, ada: Client) -> None:
    upload(ada, files.csv(*files.many([shop.paid(1000)["id"]] * 2, "3.00")))
    factories.work(Queue.BULK)
    assert "Twice Row 2 asks for the same." in pages.text(ada, page(), show="duplicates")
    do(ada, "check_again", with_duplicates="on")
    factories.work(Queue.BULK)

    assert "2 of 2 rows can be refunded." in pages.text(ada, page())
    assert "Meant twice" in pages.text(ada, page(), show="duplicates")


def test_a_bulk_refund_is_called_back_with_a_reason(shop: factories.Shop, ada: Client, grace: Client) -> None:
    upload(ada, files.csv(row(shop.paid(1000)["id"])))
    factories.work(Queue.BULK)
    do(ada, "ask")
    do(grace, "approve")
    assert "This field is required." in do(ada, "cancel")
    assert "It is called off." in do(ada, "cancel", reason="Wrong month")
    assert "Wrong month" in pages.text(ada, page())
    assert not Refund.objects.exists()
    assert "is canceled. Nothing was changed." in do(ada, "pause")


def test_while_it_runs_the_page_tells_how_far_it_is(
    shop: factories.Shop, sim: factories.Simulator, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = files.approved(*files.many(shop.paid(1000)["id"] for _ in range(3)))
    monkeypatch.setattr("refunds.services.bulk_run.WINDOW", 2)
    files.begin(batch)
    factories.work(Queue.BULK)
    told = json.loads(ada.get(page("progress")).content)
    assert told == {"status": "running", "said": "2 of 3 rows are done.", "done": 2}

    assert "Paused." in do(ada, "pause")
    assert "Paused: 2 of 3 rows are done, and the rest waits." in pages.text(ada, page())
    assert "It goes on." in do(ada, "resume")
    files.run(batch)
    assert ada.get(page("progress")).json()["status"] == "finished"


def test_many_rows_are_turned_page_by_page(shop: factories.Shop, ada: Client) -> None:
    intent = shop.paid(1000)
    upload(ada, files.csv(*(row(intent["id"], f"{minor / 100:.2f}") for minor in range(1, 121))))
    factories.work(Queue.BULK)

    assert "Page 1 of 5" in pages.text(ada, page())
    last = pages.text(ada, page(), page="5")
    assert "Page 5 of 5" in last
    assert " 121 pi_…" in last
    assert "Page 5 of 5" in pages.text(ada, page(), page="99")
    assert "Page 1 of 5" in pages.text(ada, page(), page="x", show="nonsense")


@pytest.mark.parametrize(
    ("role", "sees", "moves"),
    [
        ("support", False, False),
        ("support_lead", True, True),
        ("finance", True, False),
        ("engineer", False, False),
        ("admin", True, False),
    ],
)
def test_leads_move_it_and_nobody_else(
    shop: factories.Shop,
    staff: Any,
    role: str,
    sees: bool,  # noqa: FBT001
    moves: bool,  # noqa: FBT001
) -> None:
    batch = files.checked(row(shop.paid(1000)["id"]), by="staff linus")
    browser = staff(role)
    assert browser.get(page()).status_code == (200 if sees else 403)
    assert browser.get(NEW).status_code == (200 if moves else 403)
    for move in ("ask", "approve", "reject", "check_again", "pause", "resume", "cancel"):
        assert browser.get(page(move)).status_code == (200 if moves else 403), move
        if not moves:
            assert browser.post(page(move), {"reason": "because"}).status_code == 403, move
    for file in ("problems", "results", "progress"):
        assert browser.get(page(file)).status_code == (200 if sees else 403), file
    batch.refresh_from_db()
    assert batch.status == "checked"


def test_being_superuser_is_not_enough(shop: factories.Shop, boss: Client) -> None:
    batch = files.checked(row(shop.paid(1000)["id"]))
    bulk.ask(batch.pk, by="staff ada")
    assert boss.get(NEW).status_code == 403
    assert boss.post(page("approve")).status_code == 403
