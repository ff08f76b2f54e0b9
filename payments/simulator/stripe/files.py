"""Files: results of report runs, and documents that prove something in a dispute."""

from typing import Any

from payments.simulator.stripe import errors, objects, parameters
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.parameters import ANY, STR

Json = dict[str, Any]

CREATE: parameters.Spec = {"purpose": STR, "file": ANY, "file_link_data": ANY, "expand": parameters.LIST}
EVIDENCE = "dispute_evidence"
# How a file of each type begins.
TYPES = {b"%PDF": "pdf", b"\xff\xd8\xff": "jpg", b"\x89PNG": "png"}
# Of dispute evidence.
LARGEST = 5_000_000


def create(call: Call) -> Json:
    """POST /v1/files, as a multipart form: evidence for a dispute is the one purpose here."""
    shop, params = call.shop, call.params
    parameters.required(params, "purpose", "file")
    parameters.one_of(params, "purpose", (EVIDENCE,))
    given = params["file"]
    if not isinstance(given, dict) or not isinstance(given.get("content"), bytes):
        raise errors.InvalidError("Invalid file: it must be sent as a file of a multipart form.", "file")
    content = given["content"]
    kind = next((kind for start, kind in TYPES.items() if content.startswith(start)), None)
    if kind is None:
        raise errors.InvalidError("Invalid file: dispute evidence must be a PDF, JPEG or PNG.", "file")
    if len(content) > LARGEST:
        raise errors.InvalidError(f"The file exceeds the {LARGEST} bytes of dispute evidence.", "file")
    file = objects.File(
        id=shop.new_id("file_1"),
        created=shop.now(),
        filename=given["filename"],
        content="",
        url="",
        purpose=EVIDENCE,
        type=kind,
        size=len(content),
    )
    shop.save(file)
    return show(file)


def show(file: objects.File) -> Json:
    """A file as Stripe's object."""
    return {
        "id": file.id,
        "object": "file",
        "created": file.created,
        "expires_at": None,
        "filename": file.filename,
        "links": {"object": "list", "data": [], "has_more": False, "url": f"/v1/file_links?file={file.id}"},
        "purpose": file.purpose,
        "size": file.size or len(file.content.encode()),
        "title": None if file.purpose == EVIDENCE else "FinanceReportRun",
        "type": file.type,
        "url": f"{file.url}/{file.id}/contents" if file.url else None,
    }


def retrieve(call: Call) -> Json:
    """GET /v1/files/{id}"""
    return show(call.shop.get(objects.File, call.args[0]))


def download(call: Call) -> str:
    """GET /v1/files/{id}/contents"""
    return call.shop.get(objects.File, call.args[0]).content
