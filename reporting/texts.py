"""What the back office says, as it is looked up: found in the code, in the templates, and in the words of choices."""

import ast
import enum
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db.models import TextChoices
from django.template import Engine
from django.template.base import Node
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

from payments.connectors import declines
from reporting.reports.catalogue import REPORTS
from reporting.translations import Text as Text
from reporting.uptime.attention import STATES
from reporting.uptime.slo import SLOS

APPS: Final = ("payments", "refunds", "reporting")

DJANGOS: Final = {
    "gettext": 1,
    "gettext_lazy": 1,
    "lazy": 1,
    "gettext_noop": 1,
    "_": 1,
    "ngettext": 2,
    "ngettext_lazy": 2,
}
"""Django's functions, and how many of their arguments are looked up."""

SHIM: Final = {"Column": 0, "Doing": 0, "Table": 0, "table": 0, "status": 1}
"""What the shim over the admin's skin looks up when it shows it (payments/admin/shown.py): which argument."""

FACTS: Final = frozenset({
    "text_of", "said_of", "number_of", "code_of", "amount_of", "status_of", "choice_of", "time_of", "flag_of",
    "list_of", "reference_of", "linked", "personal_of", "raw_of", "words_of",
})  # fmt: skip
"""The shim's columns. Their title is the second argument; without one it is made of the first, a name."""

NAMED: Final = frozenset({"title", "empty", "none"})
"""Arguments of these that the shim looks up, by name."""

ATTRIBUTES: Final = frozenset({"called", "nothing_here", "search_help_text"})
"""Attributes of the admin's classes that are looked up."""

OFFERS: Final = frozenset({"new_words", "moves"})
"""Attributes that hold the words of buttons, each with what pressing it does (reporting/admin/alerting.py)."""

SKIN: Final = (
    "Select all rows", "Select action to run", "After you've created a user, you’ll be able to edit more user options.",
    "Log in", "No data", "No results found", "Previous", "Loading more results...",
    "Forgotten your password or username?", "You have been successfully logged out from the administration",
    "Raw passwords are not stored, so there is no way to see this user’s password, but you can change the password "
    'using <a href="{}" class="text-primary-600 dark:text-primary-500">this form</a>.',
    "Whether the user will be able to authenticate using a password or not. If disabled, they may still be able to "
    "authenticate using other backends, such as Single Sign-On or LDAP.",
    "Password-based authentication", "Reset password", "Enabled", "Disabled",
    "Enable password-based authentication for this user by setting a password.",
    "Disable password-based authentication",
    "Welcome back to", "Welcome", "Go back", "Light", "Dark", "System", "Toggle password visibility",
    "Choose file to upload", "Select value", "Type to search", "True", "False", "Select record", "More actions",
    "Return to site", "Filters", "General",
)  # fmt: skip
"""What unfold says on our pages; it comes without translations, and Django has the rest of its texts."""


PLAIN: Final = ("refunds/defence.py", "refunds/services/settling.py", "payments/intents/services/settling.py")
"""Modules below the pages that speak in whole sentences: the pages look up what they say."""

Kind = TypeVar("Kind", bound=enum.Enum)


def collect() -> dict[Text, list[str]]:
    """Every text of the back office, and where it stands."""
    found: dict[Text, list[str]] = {}
    skin = ((Text(one), "unfold") for one in SKIN)
    for text, place in (*_in_code(), *_in_templates(), *_in_choices(), *_in_registers(), *skin):
        if not text.one:
            continue
        places = found.setdefault(text, [])
        if place not in places:
            places.append(place)
    return _once(found)


def _once(found: dict[Text, list[str]]) -> dict[Text, list[str]]:
    """A text that is counted somewhere and not elsewhere has one entry: catalogues know it by its singular."""
    for text in [one for one in found if one.many]:
        found[text] += found.pop(Text(text.one), [])
    return dict(sorted(found.items()))


# --- code


def _in_code() -> Iterator[tuple[Text, str]]:
    for app in APPS:
        for path in sorted((settings.BASE_DIR / app).rglob("*.py")):
            if not {"migrations", "simulator"} & set(path.parts):
                place = str(path.relative_to(settings.BASE_DIR))
                yield from ((text, place) for text in in_code(path.read_text(), of_admin="admin" in path.parts))
    for place in PLAIN:
        yield from ((text, place) for text in _sentences((settings.BASE_DIR / place).read_text()))


def in_code(source: str, *, of_admin: bool) -> Iterator[Text]:
    """The texts of one file: what Django's functions look up and, in pages of the admin, what their shim does."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call():
                yield from _called(node, of_admin=of_admin)
            case ast.ClassDef() if of_admin:
                yield from (text for line in node.body for text in _attribute(line))


def _sentences(source: str) -> Iterator[Text]:
    """What a module says in whole words: its strings of several words, but for what is said of itself."""
    tree = ast.parse(source)
    own = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    own |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) not in own and isinstance(node, ast.Constant) and " " in str(node.value):
            yield from (Text(said) for said in _strings(node))


def _called(node: ast.Call, *, of_admin: bool) -> Iterator[Text]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in DJANGOS:
        said = [one for argument in node.args[: DJANGOS[name]] for one in _strings(argument)]
        if said:
            yield Text(*said[: DJANGOS[name]])
    elif of_admin and (name in FACTS or name in SHIM):
        yield from map(Text, _titled(node, name))
        named = (one.value for one in node.keywords if one.arg in NAMED)
        yield from (Text(one) for value in named for one in _strings(value) if one)


def _titled(node: ast.Call, name: str) -> Iterator[str]:
    """The titles that a call of the shim may give a column or a table."""
    if name in SHIM:
        yield from _strings(node.args[SHIM[name]]) if len(node.args) > SHIM[name] else ()
        return
    own = [*node.args[1:2], *(one.value for one in node.keywords if one.arg == "title")]
    made = own or [node.args[0]] if node.args else own
    for title in (one for argument in made for one in _strings(argument)):
        said = title if own else title.removesuffix("_at" if name == "time_of" else "").removesuffix("_id")
        said = said if own else said.removesuffix("_minor").replace("_", " ").capitalize()
        yield f"{said} (UTC)" if name == "time_of" else said


def _attribute(line: ast.stmt) -> Iterator[Text]:
    targets = line.targets if isinstance(line, ast.Assign) else [line.target] if isinstance(line, ast.AnnAssign) else []
    names = {one.id for one in targets if isinstance(one, ast.Name)}
    value = getattr(line, "value", None)
    if names & ATTRIBUTES and value is not None:
        parts = value.elts if isinstance(value, ast.Tuple) else [value]
        yield from (Text(one) for part in parts for one in _strings(part) if one)
    if names & OFFERS and value is not None:
        pairs = (one for one in ast.walk(value) if isinstance(one, ast.Tuple))
        yield from (Text(one) for pair in pairs for part in pair.elts for one in _strings(part))
    if {"sections", "afterwards"} & set(names) and isinstance(value, ast.Tuple | ast.List):
        heads = (one.elts[0] for one in value.elts if isinstance(one, ast.Tuple) and one.elts)
        yield from (Text(one) for head in heads for one in _strings(head) if one)


def _strings(node: ast.expr) -> Iterator[str]:
    """The string that stands there, or those of which one stands there."""
    match node:
        case ast.Constant(value=str(said)):
            yield said
        case ast.IfExp():
            yield from (*_strings(node.body), *_strings(node.orelse))


# --- templates


def _in_templates() -> Iterator[tuple[Text, str]]:
    for path in sorted((settings.BASE_DIR / "templates").rglob("*.html")):
        place = str(path.relative_to(settings.BASE_DIR))
        yield from ((text, place) for text in in_template(path.read_text()))


def in_template(source: str) -> Iterator[Text]:
    """The texts of one template."""
    yield from _nodes(Engine.get_default().from_string(source).nodelist)


def _nodes(nodes: Iterable[Node]) -> Iterator[Text]:
    for node in nodes:
        match node:
            case TranslateNode():
                literal = getattr(node.filter_expression.var, "literal", None)
                if isinstance(literal, str):
                    yield Text(literal.replace("%", "%%"))
            case BlockTranslateNode():
                forms = (node.singular, node.plural or [])
                yield Text(*(node.render_token_list(form)[0] for form in forms))
        for inner in node.child_nodelists:
            yield from _nodes(getattr(node, inner, ()))


# --- words of choices and states


def _in_choices() -> Iterator[tuple[Text, str]]:
    for kind in _below(TextChoices):
        yield from ((Text(str(label)), kind.__module__) for label in kind.labels if label)
        yield from ((Text(plain(str(value))), kind.__module__) for value in kind.values if value)
    for states in _below(enum.StrEnum):
        if states.__module__.endswith(".states"):
            yield from ((Text(plain(one.value)), states.__module__) for one in states)
    for model, page in admin.site._registry.items():
        place = model.__module__
        if hasattr(page, "called"):
            names = (str(model._meta.verbose_name), str(model._meta.verbose_name_plural))
            yield from ((Text(name), place) for name, called in zip(names, page.called, strict=True) if not called)
            for field in model._meta.fields:
                yield from ((Text(str(label)), place) for value, label in field.flatchoices if label != value)
            filters = (model._meta.get_field(one) for one in page.list_filter if isinstance(one, str))
            yield from ((Text(str(getattr(field, "verbose_name", ""))), place) for field in filters)


def _in_registers() -> Iterator[tuple[Text, str]]:
    """What is said once, where a thing is defined, and shown on pages: reports, promises, states of money, rights."""
    for report in REPORTS.values():
        yield from ((Text(said), "reporting/reports") for said in (report.title, *offered(report.use)))
    for promise in SLOS.values():
        yield from ((Text(said), "reporting/uptime/slo.py") for said in (promise.title, promise.promise))
    yield from ((Text(state.words), "reporting/uptime/attention.py") for state in STATES)
    yield from ((Text(plain(code)), declines.__name__) for code in declines.DECLINES)
    for model in apps.get_models():
        if model._meta.app_label in APPS:
            yield from ((Text(right(str(name))), model.__module__) for _code, name in model._meta.permissions)


def offered(use: str) -> tuple[str, str]:
    """When a report is used, and what it has: "Use this when you …: what it has"."""
    when, _colon, more = use.replace("`", "").partition(": ")
    return when.removeprefix("Use this when "), f"{more[:1].upper()}{more[1:]}"


def right(name: str) -> str:
    """Can refund payments -> Refund payments."""
    return name.removeprefix("Can ").capitalize()


def plain(value: str) -> str:
    """requires_capture -> Requires capture, as the shim says it."""
    return value.replace("_", " ").capitalize()


def _below(kind: type[Kind]) -> Iterator[type[Kind]]:
    yield from (one for one in kind.__subclasses__() if one.__module__.startswith(APPS))
