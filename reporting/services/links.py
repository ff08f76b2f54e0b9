"""Links that open the file of a report for a few minutes, to whoever holds them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.core import signing

from payments.kernel import clock
from reporting import selectors
from reporting.models import Way
from reporting.services import exports, storing

SALT: Final = "the file of a report"


@dataclass(slots=True)
class Link:
    """Where the file is, until when."""

    url: str
    expires_at: datetime


def make(run_id: str, *, client_id: str | None, by: str, untied: bool = False) -> Link:
    """A link to the file of a report; refuses as the download does. What it opens is audited with who made it."""
    exports.file_of(selectors.run(run_id, client_id=client_id), untied=untied)
    token = signing.dumps({"run": run_id, "by": by, "untied": untied}, salt=SALT, compress=True)
    return Link(f"{settings.PUBLIC_URL}/reports/{token}", clock.now() + settings.REPORT_LINK)


def follow(token: str) -> exports.Download:
    """The file behind a link, on record; `signing.BadSignature` when it was forged, or is too old."""
    said = signing.loads(token, salt=SALT, max_age=settings.REPORT_LINK)
    return exports.download(said["run"], client_id=None, by=said["by"], way=Way.LINK, untied=said["untied"])


def address(download: exports.Download) -> str | None:
    """Where the bucket gives the file itself, for as long as a link; None where files are on our disk."""
    if storing.path(download.kept_as) is not None:
        return None
    disposition = f'attachment; filename="{download.name}"'
    headers = {"ResponseContentDisposition": disposition, "ResponseContentType": download.content_type}
    return str(storing.place().url(download.kept_as, parameters=headers))  # type: ignore[call-arg]  # the bucket's
