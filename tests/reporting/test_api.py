"""The doors of reports: strict reading, scopes, tenancy, idempotency, downloads."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from payments.kernel.jobs import Queue
from payments.rest import keys, openapi, operations
from payments.rest.models import KeyKind
from reporting.documents import MANIFEST, READY, REPORT, ManifestObject, ReportObject
from reporting.models import ReportRun
from tests import factories
from tests.reporting import desk as desks
from tests.reporting.desk import Desk


def test_what_is_answered_is_what_the_document_says(desk: Desk, shop: factories.Shop) -> None:
    desk.paid(desks.moment(3))
    asked = desk.ask(**desks.OCTOBER, timezone="Europe/Amsterdam", currency="USD")
    file = desk.file(**desks.OCTOBER)

    for answer in (asked, file.run, REPORT, READY):
        ReportObject.model_validate(answer)
    for manifest in (file.manifest, MANIFEST):
        ManifestObject.model_validate(manifest)
    assert asked["parameters"] == {**desks.OCTOBER, "timezone": "Europe/Amsterdam", "currency": "USD"}
    listed = shop.get("reports?report=payments&status=ready")["data"]
    assert [row["id"] for row in listed] == [file.run["id"], asked["id"]]
    assert shop.get("reports?status=canceled")["data"] == []


def test_the_document_says_what_a_file_is(client: Client) -> None:
    document = client.get("/v1/openapi.json").json()
    answered = document["paths"]["/v1/reports/{report_id}/download"]["get"]["responses"]["200"]["content"]

    assert {media.partition(";")[0] for media in answered} == {"text/csv", "application/gzip"}


@pytest.mark.parametrize(
    ("change", "status", "code", "param"),
    [
        ({"report": "salaries"}, 400, "parameter_invalid", "report"),
        ({"format": "xlsx"}, 400, "parameter_invalid", "format"),
        ({"color": "red"}, 400, "parameter_unknown", "color"),
        ({"parameters": {}}, 400, "parameter_missing", "parameters.interval_start"),
        ({"parameters": {**desks.OCTOBER, "client": "cli_" + "0" * 32}}, 400, "parameter_unknown", "parameters.client"),
        ({"parameters": {**desks.OCTOBER, "interval_start": "2026-10-01T00:00:00"}}, 400, "parameter_invalid",
         "parameters.interval_start"),
        ({"parameters": {**desks.OCTOBER, "currency": "eur"}}, 400, "currency_unknown", "parameters.currency"),
        ({"parameters": {**desks.OCTOBER, "timezone": "Mars/Olympus"}}, 400, "timezone_unknown", "parameters.timezone"),
        ({"parameters": {**desks.OCTOBER, "timezone": "../../etc/passwd"}}, 400, "timezone_unknown",
         "parameters.timezone"),
        ({"parameters": {**desks.OCTOBER, "interval_end": desks.OCTOBER["interval_start"]}}, 422,
         "report_interval_invalid", "parameters.interval_end"),
        ({"parameters": {**desks.OCTOBER, "interval_start": "0001-01-01T00:00:00+14:00"}}, 422,
         "report_interval_invalid", "parameters.interval_start"),
        ({"parameters": {**desks.OCTOBER, "interval_end": "9999-12-31T23:59:59-14:00"}}, 422,
         "report_interval_invalid", "parameters.interval_end"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(
    shop: factories.Shop, change: dict[str, Any], status: int, code: str, param: str
) -> None:
    body = {"report": "payments", "parameters": desks.OCTOBER, **change}
    refused = shop.call("POST", "reports", body)

    assert (refused.status_code, refused.json()["code"], refused.json().get("param")) == (status, code, param)
    assert not ReportRun.objects.exists()


def test_the_same_key_asks_for_one_report(shop: factories.Shop) -> None:
    body = {"report": "payments", "parameters": desks.OCTOBER}
    first, second = (shop.call("POST", "reports", body, key="october") for _ in range(2))

    assert first.content == second.content
    assert second["Idempotent-Replayed"] == "true"
    assert ReportRun.objects.count() == 1


def test_nobody_sees_the_reports_of_another_client(desk: Desk, shop: factories.Shop) -> None:
    desk.paid(desks.moment(3))
    mine = desk.file(**desks.OCTOBER).run["id"]
    other = factories.shop("other")

    assert other.get("reports")["data"] == []
    for path in (f"reports/{mine}", f"reports/{mine}/download", f"reports/{mine}/manifest"):
        assert shop.call("GET", path).status_code == 200
        assert other.call("GET", path).status_code == 404
    assert other.call("POST", f"reports/{mine}/cancel").status_code == 404
    ReportRun.objects.update(client=None)
    assert shop.call("GET", f"reports/{mine}/download").status_code == 404, "the staff's own"


def test_each_scope_opens_its_doors(desk: Desk, shop: factories.Shop) -> None:
    asked = desk.ask()
    reading = factories.Shop(shop.client, keys.create(shop.client, scopes=["reports:read"]), shop.http)
    writing = factories.Shop(shop.client, keys.create(shop.client, scopes=["reports:write"]), shop.http)
    public = factories.Shop(shop.client, keys.create(shop.client, kind=KeyKind.PUBLISHABLE), shop.http)
    body = {"report": "payments", "parameters": desks.OCTOBER}

    codes = {
        name: [
            caller.call("POST", "reports", body).status_code,
            caller.call("GET", "reports").status_code,
            caller.call("GET", f"reports/{asked['id']}").status_code,
            caller.call("GET", f"reports/{asked['id']}/manifest").status_code,
            caller.call("GET", f"reports/{asked['id']}/download").status_code,
        ]
        for name, caller in {"reading": reading, "writing": writing, "public": public}.items()
    }
    assert codes == {
        "reading": [403, 200, 200, 409, 409],
        "writing": [201, 403, 403, 403, 403],
        "public": [403, 403, 403, 403, 403],
    }


@pytest.mark.parametrize(
    ("file_format", "kind"), [("csv", "text/csv; charset=utf-8; header=present"), ("csv.gz", "application/gzip")]
)
def test_a_download_says_what_it_is(desk: Desk, shop: factories.Shop, file_format: str, kind: str) -> None:
    run = desk.file(**desks.OCTOBER, timezone="Asia/Tokyo", file_format=file_format).run
    answer = shop.call("GET", f"reports/{run['id']}/download", accept="text/csv")

    assert answer["Content-Type"] == kind
    assert answer["Content-Disposition"] == (
        f'attachment; filename="payments_2026-10-01_2026-11-01_{run["id"]}.{file_format}"'
    )
    assert int(answer["Content-Length"]) == len(b"".join(answer.streaming_content))
    answer.close()


def test_a_file_that_is_no_longer_kept_is_gone(desk: Desk, shop: factories.Shop, directory: Path) -> None:
    run = desk.file(**desks.OCTOBER).run
    for file in directory.iterdir():
        file.unlink()

    refused = shop.call("GET", f"reports/{run['id']}/download")
    assert (refused.status_code, refused.json()["code"]) == (410, "report_file_gone")
    assert shop.get(f"reports/{run['id']}/manifest")["sha256"] == run["sha256"]


def test_before_it_is_ready_there_is_nothing_to_have(desk: Desk, shop: factories.Shop) -> None:
    asked = desk.ask()
    for path in ("download", "manifest"):
        refused = shop.call("GET", f"reports/{asked['id']}/{path}")
        assert (refused.status_code, refused.json()["code"]) == (409, "report_not_ready")
    factories.work(Queue.FINANCE)
    assert shop.call("GET", f"reports/{asked['id']}/download").status_code == 200


def test_every_operation_is_documented(shop: factories.Shop) -> None:
    described = [name for name in operations.REGISTRY if name.startswith("reports.")]
    assert sorted(described) == [
        "reports.cancel", "reports.create", "reports.download", "reports.link", "reports.list", "reports.manifest",
        "reports.retrieve",
    ]  # fmt: skip
    refused = [kind.code for kind in openapi.refusals(operations.REGISTRY["reports.download"], "GET")]
    assert {"report_not_ready", "report_not_tied", "report_file_gone"} <= set(refused)
