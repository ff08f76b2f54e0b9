"""The catalogues of translations: brought up to date with the texts, checked, and compiled for gettext."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import polib

PLURALS: Final = "nplurals=2; plural=(n != 1);"
"""Of German and Spanish, and of whatever else has one form for one and another for the rest."""

_HOLDERS: Final = re.compile(r"%\(\w[^)]*\)[.\d]*[a-z]|%[sd]|\{\w*\}|</?[a-z]+|%%")


class Text(NamedTuple):
    """One text, and its plural where it counts something."""

    one: str
    many: str = ""


def catalogues(place: Path) -> dict[str, Path]:
    """Language -> its catalogue."""
    return {path.parts[-3]: path for path in sorted(place.glob("*/LC_MESSAGES/django.po"))}


def update(path: Path, texts: Mapping[Text, list[str]]) -> int:
    """Bring a catalogue up to date: new texts stand there untranslated, old ones go; how many are untranslated."""
    kept = _entries(polib.pofile(str(path), wrapwidth=0)) if path.exists() else {}
    fresh = polib.POFile(wrapwidth=0)
    fresh.metadata = {
        "Language": path.parts[-3], "MIME-Version": "1.0", "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit", "Plural-Forms": PLURALS,
    }  # fmt: skip
    for text, places in texts.items():
        old = kept.get(text)
        said = {"msgid_plural": text.many, "msgstr_plural": old.msgstr_plural if old else {0: "", 1: ""}}
        once = {"msgstr": old.msgstr if old else ""}
        entry = polib.POEntry(msgid=text.one, **(said if text.many else once))
        entry.occurrences = [(place, "") for place in places]
        fresh.append(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh.save(str(path))
    return sum(not entry.translated() for entry in fresh)


def faults(path: Path, texts: Mapping[Text, list[str]]) -> Iterator[str]:
    """What is wrong with a catalogue: what is missing, doubtful or left over, and where placeholders differ."""
    catalogue, language = polib.pofile(str(path)), path.parts[-3]
    known = _entries(catalogue)
    for text in texts:
        if text not in known:
            yield f"{language}: not there: {text.one!r}"
    for text, entry in known.items():
        if text not in texts:
            yield f"{language}: said nowhere: {text.one!r}"
        elif entry.fuzzy or not entry.translated():
            yield f"{language}: not translated: {text.one!r}"
        elif not _fits(text, entry):
            yield f"{language}: other placeholders: {text.one!r}"
    yield from (f"{language}: obsolete: {entry.msgid!r}" for entry in catalogue.obsolete_entries())


def compiled(path: Path) -> Path:
    """The catalogue in gettext's form beside it, made where there is none or an older one. Many may do it at once."""
    made = path.with_suffix(".mo")
    if not made.exists() or made.stat().st_mtime_ns < path.stat().st_mtime_ns:
        half = path.with_suffix(f".{os.getpid()}.half")
        polib.pofile(str(path)).save_as_mofile(str(half))
        half.replace(made)
    return made


def _entries(catalogue: polib.POFile) -> dict[Text, polib.POEntry]:
    return {Text(one.msgid, one.msgid_plural): one for one in catalogue if not one.obsolete}


def _fits(text: Text, entry: polib.POEntry) -> bool:
    """The same placeholders and tags in every form; a form for one may say the number in words."""
    if not text.many:
        return _holders(text.one) == _holders(entry.msgstr)
    one, many = _holders(text.one), _holders(text.many)
    said = [_holders(entry.msgstr_plural[form]) for form in sorted(entry.msgstr_plural)]
    return len(said) == 2 and said[0] in (one, many) and said[1] == many


def _holders(said: str) -> list[str]:
    return sorted(_HOLDERS.findall(said))
