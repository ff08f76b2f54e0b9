"""Answering a dispute: evidence is gathered, then submitted once, or the dispute is accepted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from payments.connectors.disputes import EvidenceDocument, EvidenceText
from payments.kernel import audit, clock, jobs, unit
from payments.rest import cards
from refunds import defence, disputes
from refunds.disputes import Held
from refunds.models import Answer, DisputeFile
from refunds.services import dispute_moves, filing, refusals
from refunds.states import ANSWERABLE


@dataclass(frozen=True, slots=True)
class Document:
    """A document as somebody hands it in; `kind` is what it proves."""

    kind: str
    filename: str
    content: bytes


def gather(
    dispute_id: str,
    texts: Mapping[str, str],
    documents: Sequence[Document] = (),
    *,
    client_id: str | None,
    by: str,
) -> Held:
    """Keep evidence for the answer: texts by what they prove, an empty one is taken back; documents, one of a kind.

    What is not named stays. Refuses kinds that there are none of, what may not be kept, what no bank reads (other types
    than PDF, JPEG and PNG by their first bytes) and what is too large; and a dispute that is answered already.
    """
    _refuse_texts(texts)
    for document in documents:
        _refuse_document(document)
    kept = {document.kind: (document, filing.keep(document.content)) for document in documents}
    with unit.work() as work:
        held = _answerable(dispute_id, client_id)
        stage = held.latest
        said = {**stage.texts, **texts}
        stage.change(texts={kind: text for kind, text in said.items() if text.strip()})
        for document, sha256 in kept.values():
            _show(held, document, sha256, by)
        if sum(row.size for row in held.files[stage.pk]) > defence.MAX_FILES:
            raise refusals.DisputeEvidenceTooLarge(f"All documents together have at most {defence.MAX_FILES} bytes.")
        audit.did("dispute.evidence_gathered", dispute_id)
        work.returns(held)
    return held


def _refuse_texts(texts: Mapping[str, str]) -> None:
    for kind, text in texts.items():
        if kind not in list(EvidenceText):
            raise refusals.DisputeEvidenceUnknown(f"Nothing is proved by {kind[:40]!r}.", param=kind[:40])
        if len(text) > defence.MAX_TEXT:
            raise refusals.DisputeEvidenceTooLarge(f"{kind} is longer than {defence.MAX_TEXT} characters.", param=kind)
        if cards.look_like_number(text):
            raise refusals.DisputeEvidenceUnknown(f"{kind} looks like it holds a card number.", param=kind)


def _refuse_document(document: Document) -> None:
    if document.kind not in list(EvidenceDocument):
        raise refusals.DisputeEvidenceUnknown(f"There is no document {document.kind[:40]!r}.", param=document.kind[:40])
    if not defence.kind_of(document.content):
        raise refusals.DisputeDocumentUnreadable("A document is a PDF, JPEG or PNG.", param=document.kind)
    if len(document.content) > defence.MAX_FILE:
        raise refusals.DisputeEvidenceTooLarge(f"A document has at most {defence.MAX_FILE} bytes.", param=document.kind)


def _show(held: Held, document: Document, sha256: str, by: str) -> None:
    """Its row, in the place of an earlier one of its kind; nothing when it is that very one."""
    files = held.files[held.latest.pk]
    earlier = next((row for row in files if row.kind == document.kind), None)
    if earlier is not None and earlier.sha256 == sha256:
        return
    if earlier is not None:
        earlier.change(removed_at=clock.now())
        files.remove(earlier)
    name = "".join(char for char in document.filename if char.isprintable() and char not in '/\\"')[-120:]
    row = DisputeFile(
        stage=held.latest,
        kind=document.kind,
        filename=name or document.kind,
        content_type=defence.kind_of(document.content),
        size=len(document.content),
        sha256=sha256,
        uploaded_by=by[:80],
    )
    unit.current().add(row)
    files.append(row)


def take_back(dispute_id: str, file_id: str, *, client_id: str | None) -> Held:
    """Leave a document out of the answer; `DoesNotExist` when there is no such one."""
    with unit.work() as work:
        held = _answerable(dispute_id, client_id)
        row = next((one for one in held.files[held.latest.pk] if one.pk == file_id), None)
        if row is None:
            raise DisputeFile.DoesNotExist
        row.change(removed_at=clock.now())
        held.files[held.latest.pk].remove(row)
        audit.did("dispute.evidence_taken_back", dispute_id)
        work.returns(held)
    return held


def submit(dispute_id: str, *, client_id: str | None, by: str) -> Held:
    """Send the evidence to the bank, soon and once for this stage; `DisputeEvidenceMissing` when there is none."""
    with unit.work() as work:
        held = _answerable(dispute_id, client_id)
        if held.dispute.defendable is False:
            raise refusals.DisputeNotDefendable("The bank hears no evidence in this dispute.")
        if not held.latest.texts and not held.files[held.latest.pk]:
            raise refusals.DisputeEvidenceMissing("There is nothing to submit yet.")
        _answer(held, Answer.SUBMIT, by=by)
        audit.did("dispute.submitted", dispute_id)
        work.returns(held)
    return held


def accept(dispute_id: str, *, because: str, client_id: str | None, by: str) -> Held:
    """Let the customer keep the money, with the reason; that cannot be taken back."""
    if not because.strip():
        raise refusals.DisputeReasonRequired("Say why the dispute is accepted.", param="reason")
    with unit.work() as work:
        held = _answerable(dispute_id, client_id)
        _answer(held, Answer.ACCEPT, by=by, because=because.strip())
        audit.did("dispute.accepted", dispute_id, because=because)
        work.returns(held)
    return held


def _answer(held: Held, answer: Answer, *, by: str, because: str = "") -> None:
    held.latest.change(answer=answer, answer_by=by[:80], answer_because=because[:500], answer_at=clock.now())
    dispute_moves.announce(held, "dispute.updated")
    jobs.enqueue("answer_dispute", stage_id=held.latest.pk)


def _answerable(dispute_id: str, client_id: str | None) -> Held:
    """The dispute, held; refuses one that nobody waits for, or that is answered."""
    held = disputes.hold(dispute_id, client_id=client_id)
    if held.latest.answer:
        done = held.latest.get_answer_display()
        raise refusals.DisputeAnswered(f"{done} by {held.latest.answer_by}; that is done once.")
    if held.dispute.status not in ANSWERABLE:
        raise refusals.DisputeNotAnswerable(f"The dispute is {held.dispute.status}: nothing can be answered.")
    return held
