"""Settlement files: kept as they came, each content once; another content of what is loaded is a conflict."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

import structlog
from django.db import IntegrityError

from payments.connectors.settlements import Announced, FileRefused
from payments.gateway import accounts, events
from payments.gateway import settlements as asked
from payments.gateway.models import ProviderAccount
from payments.kernel import audit, crashpoints, ids, jobs, unit
from payments.kernel.errors import Refusal
from reporting import selectors
from reporting.models import SettlementFile
from reporting.models.settlements import Source
from reporting.services import conflicts, storing
from reporting.states import FileStatus

log = structlog.get_logger(__name__)

BLOCK: Final = 1 << 20
DIRECTORY: Final = "settlements"


class SettlementFileUnexpectedState(Refusal):
    """The settlement file is loaded, or waits to be: there is nothing to read again."""

    code, status = "settlement_file_unexpected_state", 409


class SettlementFileGone(Refusal):
    """The bytes of the settlement file are no longer where files are kept."""

    code, status = "settlement_file_gone", 410


class SettlementFileInvalid(Refusal):
    """What was uploaded is no settlement file of the account; the message says what stands in it."""

    code, status = "settlement_file_invalid", 422


class Kept(NamedTuple):
    """A file as it is kept now, and whether it was not before."""

    file: SettlementFile
    new: bool


def store(account: ProviderAccount, announced: Announced, chunks: Iterable[bytes], *, source: Source, by: str) -> Kept:
    """Keep a file's bytes as they come, of any size, and have it loaded soon.

    The same content again changes nothing. Another content of what is loaded, or waits to be, is kept and refused: what
    was loaded stays, and finance finds a discrepancy. What `chunks` raises leaves nothing.
    """
    file = SettlementFile(
        id=ids.new("st"),
        account=account,
        kind=announced.kind,
        reference=announced.reference,
        name=printable(announced.name),
        day=announced.day,
        currency=announced.currency,
        total_minor=announced.total_minor,
        source=source,
        uploaded_by=by if source == Source.UPLOADED else "",
    )
    file.file = f"{DIRECTORY}/{account.code}/{file.pk}"
    with storing.draft(f"{DIRECTORY}/{account.code}", file.pk) as draft:
        file.size, file.sha256 = _write(chunks, draft.raw)
        draft.close()
        if known := selectors.same_file(file):
            return Kept(known, new=False)
        draft.keep(file.file)
    crashpoints.reach("settlement.kept")
    kept = _recorded(file, by)
    if not kept.new:
        storing.forget(file.file)
    return kept


def upload(account_code: str, name: str, content: BinaryIO, *, by: str) -> Kept:
    """Keep a file that somebody brings, by what stands in it and not by its name; the PSP may be asked.

    Refuses what is no file of this account; what is one, and wrong, is kept as refused once it is read.
    """
    account = accounts.account(account_code)
    try:
        announced = asked.identify(account, name, content)
    except FileRefused as refused:
        raise SettlementFileInvalid(str(refused), param="file") from refused
    except events.NotTold as reason:
        raise SettlementFileInvalid(f"The PSP was asked what the file covers, and: {reason}.", param="file") from reason
    return store(account, announced, chunks(content), source=Source.UPLOADED, by=by)


def _write(chunks: Iterable[bytes], sink: BinaryIO) -> tuple[int, str]:
    size, found = 0, hashlib.sha256()
    for chunk in chunks:
        sink.write(chunk)
        size += len(chunk)
        found.update(chunk)
    return size, found.hexdigest()


def _recorded(file: SettlementFile, by: str) -> Kept:
    try:
        return _record(file, by)
    except IntegrityError:  # another one of the same reference in the same moment: now it is known
        return _record(file, by)


def _record(file: SettlementFile, by: str) -> Kept:
    with unit.work() as work:
        if known := selectors.same_file(file):
            return Kept(known, new=False)
        standing = selectors.standing_file(file.account_id, file.reference)
        work.add(file)
        audit.did("settlement_file.uploaded", file.pk)
        if standing is None:
            _load_soon(file)
        else:
            _conflicts(file, standing, by)
    log.info("settlement_kept", file=file.pk, reference=file.reference, size=file.size, status=file.status, by=by)
    return Kept(file, new=True)


def _load_soon(file: SettlementFile) -> None:
    jobs.enqueue("load_settlement", unique=f"load_settlement:{file.pk}", file_id=file.pk)


def _conflicts(file: SettlementFile, standing: SettlementFile, by: str) -> None:
    """What was loaded stays: a person asks the PSP which of the two is right."""
    said = "is loaded" if standing.status == FileStatus.LOADED else "waits to be loaded"
    problem = (
        f"Another content of {standing.kind} {standing.reference} {said}: {standing.name}, {standing.size:,} bytes,"
        f" {standing.get_source_display().lower()} on {standing.created_at:%Y-%m-%d}. Nothing of this one was loaded."
    )
    file.advance("refuse", because="another content is there", by=by, problem=problem)
    conflicts.tell(file, problem)


def read_again(file_id: str, *, by: str) -> SettlementFile:
    """Try to load a refused file once more: the reason may have been ours, or may be gone."""
    with unit.work():
        file = selectors.hold_file(file_id)
        if not file.may("read_again"):
            raise SettlementFileUnexpectedState(f"The file is {file.status}.")
        standing = selectors.standing_file(file.account_id, file.reference)
        if standing is not None:
            raise SettlementFileUnexpectedState(f"{standing.name} is {standing.status}, with another content.")
        file.advance("read_again", because="read again on request", by=by, problem="")
        audit.did("settlement_file.read_again", file.pk)
        _load_soon(file)
    return file


def original(file: SettlementFile) -> BinaryIO:
    """The bytes as they came, to be closed by the caller."""
    try:
        return storing.opened(file.file)
    except FileNotFoundError:
        raise SettlementFileGone("The bytes of the file are no longer kept here.") from None


def chunks(content: BinaryIO) -> Iterator[bytes]:
    """The bytes of an open file from its beginning, in pieces."""
    content.seek(0)
    while block := content.read(BLOCK):
        yield block


def printable(name: str) -> str:
    """The end of a name without its path, as far as it can be shown."""
    shown = "".join(char for char in name if char.isprintable())
    return shown.replace("\\", "/").rpartition("/")[2][-200:] or "without a name"
