"""What differs between our definition of the action and HubSpot's, in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.triggers.hubspot.catalogue import GENERATIONS, OUTPUTS
from smsadmin.triggers.hubspot.comparing import State

_FACETS = {
    "type": gettext_lazy("kind"),
    "options": gettext_lazy("choices"),
    "optionsUrl": gettext_lazy("address of its list"),
    "values": gettext_lazy("where its value may come from"),
    "required": gettext_lazy("required"),
}
_LANGUAGES = {"en": gettext_lazy("English"), "de": gettext_lazy("German")}
_ORDERS = {
    "fields": gettext_lazy("Order of the fields"),
    "rules": gettext_lazy("Order of the rules of the action log"),
}
_FIELDS = {field.name: field.label for each in GENERATIONS.values() for field in each.fields}
_OUTPUTS = {output.name: output.label for output in OUTPUTS}


@dataclass(frozen=True, slots=True)
class Row:
    """One difference as the page shows it: what it is about, and what each side has."""

    what: str
    ours: str
    theirs: str
    state: str

    @property
    def is_value(self) -> bool:
        """Whether both sides have a value to show, rather than one lacking the part."""
        return self.state == State.CHANGED


def row(difference: Mapping[str, str]) -> Row:
    """A difference, as comparing.Difference stores it."""
    what = _PARTS[difference["part"]](difference["name"])
    if facet := _facet(difference):
        what = f"{what}: {facet}"
    match difference["state"]:
        case State.MISSING:
            ours, theirs = _("has it"), _("lacks it")
        case State.EXTRA:
            ours, theirs = _("lacks it: an update removes it"), _("has it")
        case _:
            ours, theirs = _value(difference["ours"]), _value(difference["theirs"])
    return Row(what, ours, theirs, difference["state"])


def _value(text: str) -> str:
    """As people read it; addresses, names and texts stay as they are."""
    return {"true": _("yes"), "false": _("no"), "": "–"}.get(text, text)


def _facet(difference: Mapping[str, str]) -> str:
    facet = difference["facet"]
    return "" if facet == "value" else str(_FACETS.get(facet, facet))


def _field(name: str) -> str:
    return _("Field “%(name)s”") % {"name": _(_FIELDS[name]) if name in _FIELDS else name}


def _output(name: str) -> str:
    return _("Output “%(name)s”") % {"name": _(_OUTPUTS[name]) if name in _OUTPUTS else name}


def _texts(locale: str) -> str:
    return _("Texts in %(language)s") % {"language": _LANGUAGES.get(locale, locale)}


_PARTS: dict[str, Callable[[str], str]] = {
    "address": lambda name: _("Address that HubSpot calls"),
    "types": lambda name: _("Record types"),
    "properties": lambda name: _("Properties that come with each record"),
    "order": lambda name: str(_ORDERS[name]),
    "field": _field,
    "dependency": lambda name: _("Dependency between fields: %(name)s") % {"name": name},
    "output": _output,
    "rule": lambda name: _("Rule of the action log: %(name)s") % {"name": name},
    "texts": _texts,
}
