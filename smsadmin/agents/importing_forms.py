"""What a person decides about an import: which actions, each as what, and the number they are sent from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.agents.importing import Choices, Item, Plan, Way
from smsadmin.directory import book
from smsadmin.directory.naming import label
from smsadmin.senders import choices
from smsadmin.workspaces.models import Workspace

WAYS = {
    Way.RULE: gettext_lazy("After the call, by a rule that you write: off until then"),
    Way.DURING: gettext_lazy("During the call: the agent judges the condition"),
    Way.COMPLETED: gettext_lazy("After every call whose status is “completed”"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """An action of theirs with its fields; None where there is nothing to decide."""

    item: Item
    take: forms.BoundField | None
    way: forms.BoundField | None

    @property
    def chosen(self) -> str:
        """What it would become, in words."""
        return str(WAYS[Way(self.way.value()) if self.way else self.item.ways[0]])


class ImportForm(forms.Form):
    """Give it the plan. Once valid, `choices` is what was decided."""

    use_required_attribute = False

    number = forms.ChoiceField(
        label=gettext_lazy("Send from"),
        help_text=gettext_lazy(
            "Synthflow's actions name no number: they text from its own Twilio number. Each action can have another "
            "one later."
        ),
        error_messages={"required": gettext_lazy("Choose the number to send from.")},
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, workspace: Workspace, plan: Plan, data: Any = None) -> None:
        super().__init__(data=data, initial={"seen": plan.seen})
        self.plan = plan
        listed = book.of(workspace.pk).numbers.values()
        self.numbers = {str(each.pk): each for each in listed if choices.may_be_chosen(each)}
        offered = sorted(
            ((pk, label(each)) for pk, each in self.numbers.items()), key=lambda pair: pair[1].casefold()
        )
        self.fields["number"].choices = [("", _("Choose a number")), *offered]  # type: ignore[attr-defined]
        for nth, item in enumerate(plan.items):
            if item.is_open:
                self.fields.update(_fields(nth, item))

    @property
    def rows(self) -> list[Row]:
        return list(self._rows())

    def _rows(self) -> Iterator[Row]:
        for nth, item in enumerate(self.plan.items):
            take, way = (
                self[name] if name in self.fields else None for name in (f"take-{nth}", f"way-{nth}")
            )
            yield Row(item, take, way)

    @property
    def taken(self) -> list[Row]:
        """The rows that were chosen, of a valid form."""
        return [row for row in self.rows if row.take and self.cleaned_data.get(row.take.name)]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors and not self.taken:
            self.add_error(None, _("Choose at least one action to bring in."))
        return values

    @property
    def number_label(self) -> str:
        """The chosen number, as its list names it."""
        return label(self.numbers[self.cleaned_data["number"]])

    @property
    def choices(self) -> Choices:
        """What a valid form says."""
        ways = {row.item.action_id: self._way(row) for row in self.taken}
        return Choices(ways, self.numbers[self.cleaned_data["number"]], self.cleaned_data["seen"])

    def _way(self, row: Row) -> Way:
        return Way(self.cleaned_data[row.way.name]) if row.way else row.item.ways[0]


def _fields(nth: int, item: Item) -> dict[str, forms.Field]:
    fields: dict[str, forms.Field] = {
        f"take-{nth}": forms.BooleanField(label=_("Bring it in"), required=False, initial=True)
    }
    if len(item.ways) > 1:
        fields[f"way-{nth}"] = forms.ChoiceField(
            label=_("When it is sent"),
            choices=[(way.value, WAYS[way]) for way in item.ways],
            initial=item.ways[0].value,
            widget=forms.RadioSelect,
            error_messages={"required": _("Choose when it is sent.")},
        )
    return fields
