"""Forms of the inbox: what the list is narrowed to, and an answer."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import BigIntegerField, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.core import segments
from smsadmin.directory.messaging_api_forms import addresses, addresses_help, as_written
from smsadmin.directory.models import Number
from smsadmin.inbox import answering
from smsadmin.inbox.answering import Answer
from smsadmin.inbox.models import Thread
from smsadmin.privacy import reading
from smsadmin.sending import search
from smsadmin.sending.filters import NumberChoices, countries
from smsadmin.trials.sending import new_token
from smsadmin.workspaces.requests import WorkspaceRequest

#: Much longer than any answer that is sent: its length is refused by the send itself, with the text kept.
MOST_TYPED = 10_000
#: A part of a number is looked for from so many digits on.
FEWEST_DIGITS = 3

OPEN, UNREAD, CLOSED, ALL = "open", "unread", "closed", "all"


class FilterForm(forms.Form):
    """What the list of threads is narrowed to; open ones where nothing is chosen."""

    show = forms.ChoiceField(
        label=gettext_lazy("Show"),
        required=False,
        choices=[
            (OPEN, gettext_lazy("Open threads")),
            (UNREAD, gettext_lazy("Unread threads")),
            (CLOSED, gettext_lazy("Closed threads")),
            (ALL, gettext_lazy("All threads")),
        ],
    )
    number = NumberChoices(
        label=gettext_lazy("Our number"),
        required=False,
        empty_label=gettext_lazy("Any number"),
        queryset=Number.objects.none(),
    )
    q = forms.CharField(
        label=gettext_lazy("Phone number or line"),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )

    def __init__(self, request: WorkspaceRequest) -> None:
        super().__init__(request.GET)
        self.request = request
        self.fields["number"].queryset = Number.objects.filter(  # type: ignore[attr-defined]
            workspace=request.workspace
        ).order_by("name")

    @property
    def asked(self) -> dict[str, str]:
        """What was chosen, as an address carries it."""
        return {name: self.data[name] for name in self.fields if self.data.get(name)}

    def threads(self) -> QuerySet[Thread]:
        """The threads that are asked for, in no order; none where something asked for cannot be read."""
        found = Thread.objects.filter(workspace=self.request.workspace)
        if not self.is_valid():
            return found.none()
        if number := self.cleaned_data["number"]:
            found = found.filter(number=number)
        return found.filter(_SHOWN[self.cleaned_data["show"] or OPEN], self._searched())

    def _searched(self) -> Q:
        """The whole number in any spelling, or a part of it, or of what a number of ours is called. For a reader from
        whom numbers are masked a part of one finds nothing: it would tell the rest, digit by digit."""
        text = self.cleaned_data["q"].strip()
        if not text:
            return Q()
        named = Q(number__in=Number.objects.filter(workspace=self.request.workspace, name__icontains=text))
        if found := search.candidates(text, lambda: countries(self.request.workspace)):
            named |= Q(party__in=found)
        digits = "".join(filter(str.isdigit, text))
        if len(digits) >= FEWEST_DIGITS and reading.sees_everything(self.request.member):
            named |= Q(party__contains=digits)
        return named


_SHOWN = {
    OPEN: Q(done_at=None),
    UNREAD: Q(unread__gt=0),
    CLOSED: Q(done_at__isnull=False),
    ALL: Q(),
}


class AnswerForm(forms.Form):
    """An answer to a thread that can be answered. `token` makes a double click one message; `seen` is the newest text
    that stood on the page."""

    body = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=MOST_TYPED,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "true"}),
        error_messages={"required": gettext_lazy("Write the answer: this one is empty.")},
    )
    send_as = forms.TypedChoiceField(
        label=gettext_lazy("Send as"), required=False, coerce=int, empty_value=None
    )
    attachments = forms.CharField(
        label=gettext_lazy("Pictures and files"),
        required=False,
        max_length=MOST_TYPED,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    token = forms.CharField(widget=forms.HiddenInput, max_length=64)
    seen = forms.IntegerField(
        widget=forms.HiddenInput, required=False, min_value=0, max_value=BigIntegerField.MAX_BIGINT
    )

    def __init__(self, thread: Thread, data: Any = None, *, seen: int = 0) -> None:
        super().__init__(data, initial={"token": new_token(), "seen": seen})
        assert thread.number
        if users := answering.senders(thread):
            names = [(user.pk, f"{user.name} · {user.email}") for user in users]
            self.fields["send_as"].choices = [("", _("No user: as the number")), *names]  # type: ignore[attr-defined]
        else:
            del self.fields["send_as"]
        if thread.number.proxy_mode:
            self.fields["attachments"].help_text = addresses_help()
        else:
            del self.fields["attachments"]

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"].replace("\r\n", "\n")
        if not segments.normalise(body).strip():
            raise ValidationError(_("Write the answer: this one is empty."))
        return as_written(body)

    def clean_attachments(self) -> tuple[str, ...]:
        return addresses(self.cleaned_data["attachments"])

    @property
    def answer(self) -> Answer:
        """What was written; the form must be valid."""
        found = self.cleaned_data
        return Answer(found["body"], found["token"], found.get("send_as"), found.get("attachments", ()))

    def refused(self, sentence: str, fix: str) -> None:
        """The text stays in its field with what stopped it; the next try is another message."""
        self.add_error("body", " ".join(filter(None, (sentence, fix))))
        self.data = {**{name: self.data.get(name) for name in self.fields}, "token": new_token()}
