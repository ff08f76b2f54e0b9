"""Reading forms with files, as strictly as JSON: known fields, each once, within the limits that the operation says."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError

from payments.rest import reading
from payments.rest.operations import Form
from payments.rest.problems import BodyMalformed, BodyTooLarge, MediaTypeUnsupported, ParameterUnknown


@dataclass(frozen=True)
class File:
    """A file of a form; the name is what its sender calls it."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Filled:
    """A form that was filled in: texts and files by the names of their fields."""

    texts: Mapping[str, str]
    files: Mapping[str, File]

    @property
    def meaning(self) -> dict[str, Any]:
        """What a repetition of the request must have in common with it."""
        hashed = {name: hashlib.sha256(file.content).hexdigest() for name, file in self.files.items()}
        return {"texts": dict(self.texts), "files": hashed}


def read(request: HttpRequest, form: Form) -> Filled:
    """The form in the body of a request, an empty one where there is none.

    Refuses other media types, what is too large, and fields that nobody asked for.
    """
    if request.META.get("CONTENT_LENGTH") in ("", "0", None) and "HTTP_TRANSFER_ENCODING" not in request.META:
        return Filled({}, {})
    if not request.META.get("CONTENT_TYPE", "").lower().startswith("multipart/form-data"):
        raise MediaTypeUnsupported("The body must be multipart/form-data.")
    reading.refuse_length(request, form.largest, BodyTooLarge(f"The body is larger than {form.largest} bytes."))
    try:
        texts, files = request.POST, request.FILES
    except (MultiPartParserError, SuspiciousOperation, UnicodeDecodeError):
        raise BodyMalformed("The body is no form that can be read.") from None
    if not texts and not files:
        raise BodyMalformed("The body is no form: it has no field.")
    _refuse_strangers(texts, form.texts)
    _refuse_strangers(files, form.files)
    for name in texts:
        reading.refuse_unfit(texts[name])
    return Filled({name: texts[name] for name in texts}, {name: _file(name, file) for name, file in files.items()})


def _refuse_strangers(sent: Any, known: Collection[str]) -> None:
    for name, values in sent.lists():
        if name not in known:
            raise ParameterUnknown("There is no such field.", param=reading.shown(name))
        if len(values) > 1:
            raise BodyMalformed(f"The field {name} is there twice.")


def _file(name: str, file: Any) -> File:
    return File(file.name or name, file.read())
