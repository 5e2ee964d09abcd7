"""What the page of failures is narrowed to, and what is decided about a cause."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from smsadmin.failures.groups import anchor, whose
from smsadmin.failures.models import Failure, State
from smsadmin.failures.states import Standing
from smsadmin.sending.presenters import WHOSE

TODAY, WEEK, MONTH = 1, 7, 30
#: The windows a reader may choose, in days.
WINDOWS = {
    str(TODAY): gettext_lazy("Today"),
    str(WEEK): gettext_lazy("7 days"),
    str(MONTH): gettext_lazy("30 days"),
}


class FailureFilter(forms.Form):
    """What cannot be read filters nothing; without a window it is a week."""

    days = forms.ChoiceField(label=gettext_lazy("Window"), required=False, choices=[*WINDOWS.items()])
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("Any state")), *State.choices],
    )
    whose = forms.ChoiceField(
        label=gettext_lazy("Whose"),
        required=False,
        choices=[
            ("", gettext_lazy("Anybody's")),
            *((owner.value, words) for owner, words in WHOSE.items()),
        ],
    )

    def __init__(self, data: QueryDict) -> None:
        days = data.get("days")
        super().__init__({**data.dict(), "days": days if days in WINDOWS else str(WEEK)})
        self.is_valid()

    @property
    def window(self) -> int:
        """The days that are looked at."""
        return int(self.cleaned_data["days"])

    @property
    def narrowed(self) -> dict[str, str]:
        """What leaves causes of the window out, as the address carries it."""
        return {name: value for name in ("state", "whose") if (value := self.cleaned_data.get(name))}

    @property
    def chosen(self) -> dict[str, str]:
        """All that is chosen, as the address carries it."""
        return {"days": str(self.window), **self.narrowed}

    def apply(self, standing: Iterable[Standing]) -> list[Standing]:
        state, owner = self.narrowed.get("state"), self.narrowed.get("whose")
        return [
            each
            for each in standing
            if state in (None, each.state) and owner in (None, whose(each.tally.cause))
        ]


class DecisionForm(forms.Form):
    """A cause's next state and a note; both stand in the same form, so that neither is forgotten."""

    state = forms.ChoiceField(choices=State.choices)
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=Failure._meta.get_field("note").max_length,
        help_text=gettext_lazy("What is done about it, and by whom."),
    )

    def __init__(self, standing: Standing, data: Any = None) -> None:
        decided = standing.decided
        place = anchor(standing.tally.cause)
        super().__init__(data, initial={"note": decided.note if decided else ""}, auto_id=f"{place}-%s")
