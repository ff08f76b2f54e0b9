"""What a database error says: which rule was broken, and never the row that broke it."""

import io
import logging
from collections.abc import Callable, Iterator

import pytest
from django.db import DatabaseError, IntegrityError, connection
from django.test import RequestFactory

from config import logs
from payments.intents.models import PaymentIntent
from payments.kernel import drain, jobs, redaction, unit
from payments.kernel.jobs import Job, Queue
from payments.rest import wire
from payments.rest.models import ApiClient
from tests.kernel.conftest import in_a_unit

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "Wk3-a_secret_of_a_client\nover two lines).\nand more"
EMAIL = "ada@example.org"

Register = Callable[..., Callable[[Callable[..., None]], Callable[..., None]]]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Every line of the log, as it leaves the process."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter("json"))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def impossible(client: ApiClient) -> PaymentIntent:
    """A row that a CHECK refuses, with all that nobody may see."""
    return PaymentIntent(client=client, currency="EUR", amount_minor=-1, client_secret=SECRET, description=EMAIL)


def by_the_unit(client: ApiClient) -> None:
    """The pipeline of a unit of work."""
    in_a_unit(lambda work: work.add(impossible(client)))


def by_the_orm(client: ApiClient) -> None:
    """Django's own INSERT."""
    impossible(client).save(force_insert=True)


def by_hand(client: ApiClient) -> None:
    """A statement on a cursor."""
    PaymentIntent.objects.bulk_create([PaymentIntent(client=client, currency="EUR", amount_minor=1, description=EMAIL)])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_paymentintent SET amount_minor = -1, client_secret = %s", [SECRET])


def silent(text: str) -> bool:
    """True when nothing of the row is in it."""
    return not any(part in text for part in (EMAIL, "secret_of_a_client", "over two lines", "and more", "Failing row"))


@pytest.mark.parametrize("act", [by_the_unit, by_the_orm, by_hand])
def test_an_error_names_the_rule_and_hides_the_row(client_row: ApiClient, act: Callable[[ApiClient], None]) -> None:
    with pytest.raises(
        IntegrityError, match=r'violates check constraint "intent_amount_positive" \[23514\]$'
    ) as caught:
        act(client_row)
    cause = caught.value.__cause__
    assert cause is not None
    assert silent(f"{caught.value} {cause}")
    assert (cause.sqlstate, cause.diag.constraint_name) == ("23514", "intent_amount_positive")  # type: ignore[attr-defined]


def test_a_taken_key_is_not_shown(client_row: ApiClient) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE mailbox (email text CONSTRAINT mailbox_once UNIQUE)")
        cursor.execute("INSERT INTO mailbox VALUES (%s)", [EMAIL])
        with pytest.raises(IntegrityError, match=r"mailbox_once") as caught:
            cursor.execute("INSERT INTO mailbox VALUES (%s)", [EMAIL])
        cursor.execute("DROP TABLE mailbox")
    assert silent(f"{caught.value!r} {caught.value.__cause__!r}")


def test_a_value_that_cannot_be_read_is_not_quoted_with_its_surroundings() -> None:
    with (
        connection.cursor() as cursor,
        pytest.raises(DatabaseError, match="invalid input syntax for type json") as caught,
    ):
        cursor.execute("SELECT %s::json", [f"{{{EMAIL}"])
    assert silent(str(caught.value))


def test_a_failed_job_keeps_and_logs_no_row(register: Register, client_row: ApiClient, written: io.StringIO) -> None:
    @register("careless", Queue.UPKEEP, tries=1)
    def careless() -> None:
        by_the_unit(client_row)

    with unit.work():
        jobs.enqueue("careless")
    assert drain.drain(Queue.UPKEEP) == 1
    kept = Job.objects.get().last_error
    assert "intent_amount_positive" in kept
    assert "CheckViolation" in kept
    assert silent(kept)
    assert "job_failed" in written.getvalue()
    assert "intent_amount_positive" in written.getvalue()
    assert silent(written.getvalue())


def test_a_failed_request_logs_no_row(client_row: ApiClient, written: io.StringIO) -> None:
    door = wire.Door()
    door.request = door.initialize_request(RequestFactory().post("/v1/orders"))
    with pytest.raises(IntegrityError) as caught:
        by_the_unit(client_row)
    assert door.handle_exception(caught.value).status_code == 500
    assert "intent_amount_positive" in written.getvalue()
    assert silent(written.getvalue())


def test_what_somebody_else_logs_of_an_error_is_cut_as_well(written: io.StringIO) -> None:
    """Psycopg warns of errors that it has to swallow, with all that the server said."""
    said = f"new row violates\nDETAIL:  Failing row contains (1, {SECRET}, {EMAIL}).\nCONTEXT:  JSON data: {EMAIL}"
    logging.getLogger("psycopg").warning("error ignored: %s", said)
    logging.getLogger("psycopg").warning("error ignored: DETAIL:  Key (email)=(%s) already exists.", EMAIL)
    assert written.getvalue().count(redaction.HIDDEN) >= 3
    assert silent(written.getvalue())
