"""What the editor's page shows beside its fields, worked out when a part of it is asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.forms import BoundField
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from smsadmin.actions import calls, composer, trying
from smsadmin.actions.fields import with_sent_line_ends
from smsadmin.actions.forms import ActionForm
from smsadmin.actions.models import Action
from smsadmin.agents import advice
from smsadmin.core import numbers, segments, tokens
from smsadmin.core.errors import TokenUnknown
from smsadmin.core.message import ActionConfig, Record
from smsadmin.crm import records
from smsadmin.crm.properties import Property
from smsadmin.sending import explain
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import Rehearsal
from smsadmin.trials import sending as trials
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Workspace

MOST_TOKENS = 60  # listed of one object at once; the search finds the others


@dataclass(frozen=True, slots=True)
class Insertable:
    """Properties of one object that can be inserted: (property, token, example), and how many more there are."""

    object: str
    tokens: Sequence[tuple[Property, str, str]]
    more: int


class Editor:
    """One look at the editor: its form, what was typed beside it, and everything that follows from both.

    `looks` says whether HubSpot may be asked: a page that is only opened shows at once, and looks afterwards.
    """

    payload_example = '{"firstname": "Ada", "phone": "+12025550123"}'

    def __init__(
        self,
        workspace: Workspace,
        shown: Action | None,
        form: ActionForm,
        typed: Mapping[str, Any],
        *,
        looks: bool = True,
        **told: Any,
    ) -> None:
        self.workspace, self.action, self.form, self.looks = workspace, shown, form, looks
        self.checked = form if form.is_bound else ActionForm(workspace, shown, form.offer, data=typed)
        self.url = editor_url(shown)
        self.token_q, self.record_q = typed.get("token_q", "").strip(), typed.get("record_q", "").strip()
        self.payload, self.typed = typed.get("payload", ""), typed
        self.chosen = trying.fitting(typed.get("record", ""), form.offer.object_type)
        do = typed.get("do", "")
        self.token_open = do.startswith(("tokens", "insert")) or bool(do == "preview" and self.token_q)
        self.token_rows = token_rows(typed)
        self.test_number: TestNumber | None = told.get("test_number")
        self.test_message: Message | None = told.get("test_message")
        self.test_problem: str = told.get("test_problem", "")

    @property
    def name(self) -> str:
        return str(self.form["name"].value() or "") or _("New action")

    # --- The text ---------------------------------------------------------------------------------

    @cached_property
    def config(self) -> ActionConfig:
        return self.checked.draft()

    @cached_property
    def sample(self) -> list[Record]:
        """The records changed last: for examples, and for how long the text becomes."""
        if not self.looks or self.form.offer.is_call:
            return []
        return records.sample(self.workspace, self.form.offer.object_type, self.config)

    @cached_property
    def examples(self) -> dict[str, str]:
        return composer.examples(self.sample, self.form.offer)

    @cached_property
    def text(self) -> composer.Composed:
        return composer.composed(
            self.workspace, self.config, self.form.offer, self._sender, self.sample, self.tried
        )

    @property
    def _sender(self) -> str:
        """The number it would come from: that of the record that is tried, or the one that is chosen."""
        chosen = None if self.form.has_property_sender else self.form.number
        return self.row.sender or (chosen.e164 if chosen else "")

    @property
    def used(self) -> list[composer.Used]:
        """The text's tokens, each with what its row of the table says now: that is written into the text afterwards."""
        rows = self.token_rows + [("", "", "")] * len(self.text.used)
        return [
            replace(used, empty=empty, instead=instead) if raw == used.raw else used
            for used, (raw, empty, instead) in zip(self.text.used, rows, strict=False)
        ]

    @cached_property
    def insertable(self) -> list[Insertable]:
        """What can be inserted, by object, as far as it is called what is looked for; braces are forgiven."""
        wanted = tokens.key(self.token_q.strip("{} "))
        groups = [self._insertable(label, found, wanted) for label, found in self.form.offer.by_object()]
        return [group for group in groups if group.tokens]

    @property
    def insertable_count(self) -> int:
        return sum(len(group.tokens) + group.more for group in self.insertable)

    def _insertable(self, label: str, found: Sequence[Property], wanted: str) -> Insertable:
        matching = [
            p for p in found if any(wanted in tokens.key(name) for name in (p.label, p.name, p.token))
        ]
        listed = [
            (each, "{{" + each.token + "}}", self.examples.get(each.token, ""))
            for each in matching[:MOST_TOKENS]
        ]
        return Insertable(label, listed, len(matching) - len(listed))

    @cached_property
    def pieces(self) -> list[tuple[str, str]]:
        """The text in a phone's bubble: (text, "" | "forcing" | "token")."""
        if self.outcome and self.row.body:
            return list(_marked(self.row.body))
        try:
            parts = tokens.parse(self.config.message)
        except tokens.TemplateError:
            parts = (self.config.message,)
        found: list[tuple[str, str]] = []
        for part in parts:
            found += _marked(part) if isinstance(part, str) else [(part.property, "token")]
        return found

    # --- The record, and what would happen ------------------------------------------------------------

    @cached_property
    def found(self) -> list[trying.Choice]:
        return self._search[0]

    @cached_property
    def find_problem(self) -> str:
        return self._search[1]

    @cached_property
    def _search(self) -> tuple[list[trying.Choice], str]:
        if not self.record_q or self.form.offer.is_call:
            return [], ""
        try:
            return trying.found(self.workspace, self.form.offer.object_type, self.record_q), ""
        except records.Unreadable as error:
            return [], str(error)

    @cached_property
    def kept(self) -> trying.Choice | None:
        """The record that is being tried, when the newest search does not list it."""
        asked = trying.chosen(self.chosen)
        if asked.kind != trying.FOUND or any(each.value == self.chosen for each in self.found):
            return None
        return trying.Choice(self.chosen, asked.title or asked.id)

    @cached_property
    def executions(self) -> list[Message]:
        if self.form.offer.is_call:
            return []
        return trying.executions(self.workspace, self.form.offer.object_type, self.action)

    @property
    def chosen_message(self) -> str:
        asked = trying.chosen(self.chosen)
        return asked.id if asked.kind == trying.EXECUTION else ""

    @cached_property
    def tried(self) -> trying.Tried:
        if not self.looks:
            return trying.Tried()
        return trying.tried(
            self.workspace, self.form.offer.object_type, self.config, self.chosen, self.payload, self.typed
        )

    @cached_property
    def outcome(self) -> Rehearsal | None:
        return self._outcome[0] if self._outcome else None

    @cached_property
    def row(self) -> Message:
        """The row that a send would leave; an empty one where there is nothing to try."""
        return self._outcome[1] if self._outcome else Message()

    @cached_property
    def _outcome(self) -> tuple[Rehearsal, Message] | None:
        if self.tried.record is None:
            return None
        return trying.outcome(
            trying.request(self.workspace, self.action, self.name, self.config, self.tried.record)
        )

    @cached_property
    def steps(self) -> list[explain.Explained]:
        return explain.trace(self.row) if self.outcome else []

    @property
    def why(self) -> str:
        """What stops the message; of a token that cannot be read, what is wrong with how it is written."""
        unreadable = self.row.error_code == TokenUnknown.code and self.text.problem
        return unreadable or explain.sentence(self.row)

    @property
    def from_name(self) -> str:
        """Who the phone says it is from."""
        return numbers.pretty(self._sender) if self._sender else ""

    @property
    def fix(self) -> str:
        return explain.fix(self.row)

    @property
    def call_values(self) -> list[calls.Typed]:
        """The values of the call that is tried."""
        return calls.typed(self.config, self.typed)

    # --- When an agent sends it ------------------------------------------------------------------------

    @property
    def advice(self) -> list[advice.Advice]:
        """What could be better about the condition. An action that no agent sends needs none."""
        condition = str(self.form["condition"].value() or "")
        return advice.advise(condition) if condition.strip() or self.form.offer.is_call else []

    @property
    def condition_examples(self) -> tuple[str, ...]:
        return advice.EXAMPLES

    # --- Saving and testing ---------------------------------------------------------------------------

    @cached_property
    def missing(self) -> list[tuple[BoundField, str]] | None:
        """What keeps the form from being saved: (field, words). None for one that was only opened."""
        if not self.looks:
            return None
        errors = self.checked.errors
        return [(self.form[name], " ".join(map(str, words))) for name, words in errors.items()]

    @property
    def next_version(self) -> int:
        return (self.action.current.number if self.action and self.action.current else 0) + 1

    @cached_property
    def test_numbers(self) -> list[TestNumber]:
        return trials.choices(self.workspace)

    @cached_property
    def test_key(self) -> str:
        """One press of the button is one test, however often it arrives."""
        return trials.new_token()


def token_rows(typed: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The table of the text's tokens as it was posted: (token, what is done when it is empty, the text instead)."""
    if not isinstance(typed, QueryDict):
        return []
    raws = [with_sent_line_ends(raw) for raw in typed.getlist("token")]
    return list(zip(raws, typed.getlist("empty"), typed.getlist("instead"), strict=False))


def editor_url(shown: Action | None) -> str:
    return reverse("action", args=[shown.pk]) if shown else reverse("action-new")


def _marked(text: str) -> Iterator[tuple[str, str]]:
    """The text in runs, those that keep it out of GSM-7 apart."""
    forcing = {place for place, _character in segments.measure(text).forcing}
    run, kind = "", ""
    for place, character in enumerate(text):
        now = "forcing" if place in forcing else ""
        if now != kind and run:
            yield run, kind
            run = ""
        run, kind = run + character, now
    if run:
        yield run, kind
