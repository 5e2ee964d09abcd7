"""The forms of flows: their text, what they send from, what starts them, and the hosts they may call."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.connections.form_base import SecretField
from smsadmin.core import numbers
from smsadmin.directory.models import Number, SenderKind
from smsadmin.flows import saving
from smsadmin.flows.fetching import HEADER_VALUE, is_header_name
from smsadmin.flows.language.document import MOST_CHARACTERS
from smsadmin.flows.models import FetchHost, Flow, Start
from smsadmin.senders.choices import may_be_chosen
from smsadmin.workspaces.forms import time_zones
from smsadmin.workspaces.models import Connection, Workspace

#: Bytes of a file that may hold as many characters as a flow has at most, and no more is read.
MOST_BYTES = 4 * MOST_CHARACTERS

#: Why a call was missed, in Aircall's words and ours.
REASONS: dict[str, str | Promise] = {
    "out_of_opening_hours": gettext_lazy("Outside the number's opening hours"),
    "no_available_agent": gettext_lazy("Nobody was available"),
    "agents_did_not_answer": gettext_lazy("Nobody answered"),
    "abandoned_in_ivr": gettext_lazy("The caller hung up in the menu"),
    "abandoned_in_classic": gettext_lazy("The caller hung up while it rang"),
    "short_abandoned": gettext_lazy("The caller hung up within seconds"),
}

WEEKDAYS: Sequence[tuple[str, Any]] = (
    ("monday", gettext_lazy("Monday")),
    ("tuesday", gettext_lazy("Tuesday")),
    ("wednesday", gettext_lazy("Wednesday")),
    ("thursday", gettext_lazy("Thursday")),
    ("friday", gettext_lazy("Friday")),
    ("saturday", gettext_lazy("Saturday")),
    ("sunday", gettext_lazy("Sunday")),
)

Span = list[str]


# --- The text -------------------------------------------------------------------------------------------


def with_plain_line_ends(text: str) -> str:
    """The text as it is kept: browsers send CRLF, files may begin with a byte order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


class SourceField(forms.CharField):
    """The YAML of a flow, as it was written."""

    widget = forms.Textarea(
        attrs={
            "rows": 24,
            "wrap": "off",
            "spellcheck": "false",
            "autocomplete": "off",
            "autocapitalize": "none",
            "data-source": "",
            "aria-describedby": "problems-title",
        }
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)

    def to_python(self, value: Any) -> str:
        return with_plain_line_ends(super().to_python(value) or "")


class FlowForm(forms.Form):
    """A flow's name and text. What is wrong inside the text is told beside it, with its lines."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=64,
        error_messages={"required": gettext_lazy("Give the flow a name.")},
    )
    source = SourceField(
        label=gettext_lazy("Steps (YAML)"),
        error_messages={"required": gettext_lazy("Write the steps, or begin with a template.")},
    )
    note = forms.CharField(
        label=gettext_lazy("What is different in this version"), max_length=200, required=False
    )
    base = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, workspace: Workspace, flow: Flow | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.workspace, self.flow = workspace, flow

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if problem := saving.name_problem(self.workspace, name, self.flow):
            raise ValidationError(problem)
        return name

    @property
    def typed(self) -> str:
        """The text as it stands in the form, whether it can be saved or not."""
        return with_plain_line_ends(str(self["source"].value() or ""))


class ImportForm(forms.Form):
    """A flow from elsewhere: a file, or text that was copied."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml,.txt"}),
        help_text=gettext_lazy("A .yaml file in UTF-8, at most 32,768 characters."),
        error_messages={"empty": gettext_lazy("The file is empty.")},
    )
    text = SourceField(
        label=gettext_lazy("Or its text"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "wrap": "off", "spellcheck": "false", "class": "mono"}),
    )

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if file is None:
            return ""
        if file.size > MOST_BYTES:
            raise ValidationError(_too_long())
        try:
            text = with_plain_line_ends(file.read().decode())
        except UnicodeDecodeError as error:
            raise ValidationError(
                _("The file is not UTF-8: byte %(position)d cannot be read. Save it as UTF-8 and try again.")
                % {"position": error.start + 1}
            ) from error
        if len(text) > MOST_CHARACTERS:
            raise ValidationError(_too_long())
        return text

    def clean(self) -> dict[str, Any]:
        file, text = self.cleaned_data.get("file"), self.cleaned_data.get("text")
        if file and text:
            self.add_error("text", _("Give the file or the text, not both."))
        elif not self.errors and not (file or text or "").strip():
            self.add_error("file", _("Choose a file, or paste the text of a flow."))
        return self.cleaned_data

    @property
    def source(self) -> str:
        """What a valid form brings."""
        return str(self.cleaned_data["file"] or self.cleaned_data["text"])

    @property
    def suggested_name(self) -> str:
        """What the file is called, without its ending."""
        file: Any = self.files.get("file")
        name = str(file.name) if file else ""
        return re.sub(r"\.ya?ml$|\.txt$", "", name, flags=re.IGNORECASE).strip()[:64]


def _too_long() -> str:
    return _("The file is longer than the 32,768 characters that a flow may have.")


# --- Settings -------------------------------------------------------------------------------------------


#: The choice of what carries texts: the number that was called or texted.
CALLED = "called"


def named(number: Number) -> str:
    """A number as lists of choices show it."""
    return f"{number.name} · {numbers.pretty(number.e164)}" if number.e164 else number.name


class SettingsForm(forms.ModelForm):
    """What carries the texts, and who may get them."""

    carrier = forms.ChoiceField(
        label=gettext_lazy("Texts whose step names no number are sent by"),
        required=False,
        help_text=gettext_lazy(
            "A step names one with “from”. A sender name in “from” goes through the account that is chosen here, or "
            "else through the only one that has the name. Where the number that was called or texted cannot text, the "
            "workspace's only Callr account picks a sender."
        ),
    )

    class Meta:
        model = Flow
        fields = ["mobile_only", "build_mode"]
        labels = {
            "mobile_only": gettext_lazy("Text mobile numbers only"),
            "build_mode": gettext_lazy("Build mode: text verified test numbers only"),
        }
        help_texts = {
            "mobile_only": gettext_lazy(
                "Refuses numbers that are surely not mobile. In North America mobile and landline numbers share the "
                "same ranges (FIXED_LINE_OR_MOBILE): nobody can tell them apart, so these pass."
            ),
            "build_mode": gettext_lazy(
                "Other recipients are refused with TEST_NUMBERS_ONLY. For a flow that is still being written; the "
                "whole workspace has a build mode too."
            ),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.accounts = self._accounts()
        self.numbers = _texting(self.instance.workspace, self.instance.sender_id)
        field: Any = self.fields["carrier"]
        field.choices = self._choices()
        self.initial["carrier"] = self._chosen()

    def clean(self) -> dict[str, Any]:
        kind, _colon, pk = (self.cleaned_data.get("carrier") or "").partition(":")
        self.instance.from_called = kind == CALLED
        self.instance.connection = self.accounts[int(pk)] if kind == "account" else None
        self.instance.sender = self.numbers[int(pk)] if kind == "number" else None
        return self.cleaned_data

    def _accounts(self) -> dict[int, Connection]:
        found = Connection.objects.filter(workspace=self.instance.workspace, kind=Connection.Kind.CALLR)
        return {account.pk: account for account in found.order_by("name", "pk")}

    def _choices(self) -> list[Any]:
        accounts = [
            (f"account:{pk}", _("%(account)s: Callr picks the sender") % {"account": account.name})
            for pk, account in self.accounts.items()
        ]
        senders = [(f"number:{pk}", named(number)) for pk, number in self.numbers.items()]
        groups = [(_("Callr accounts"), accounts), (_("Always from this sender"), senders)]
        called = (CALLED, _("The number that was called or texted"))
        nothing = ("", _("Nothing: such texts are refused"))
        return [called, *((label, choices) for label, choices in groups if choices), nothing]

    def _chosen(self) -> str:
        if account := self.instance.connection_id:
            return f"account:{account}"
        if sender := self.instance.sender_id:
            return f"number:{sender}"
        return CALLED if self.instance.from_called else ""


def _texting(workspace: Workspace, chosen: int | None) -> dict[int, Number]:
    """The senders of the workspace that actions may choose too, and the one that is `chosen` already."""
    found = Number.objects.filter(workspace=workspace).select_related("connection").order_by("name", "pk")
    return {number.pk: number for number in found if may_be_chosen(number) or number.pk == chosen}


# --- What starts it -------------------------------------------------------------------------------------

_TIME = r"([01]?\d|2[0-4])(?:[:.]([0-5]\d))?"
_SPAN = re.compile(rf"\s*{_TIME}\s*[-–—]\s*{_TIME}\s*")


class SpansField(forms.CharField):
    """When we are open on one day, as in "09:00–12:30, 14:00–18:00"; a list of [from, to]. Empty: closed."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(f"{start}–{end}" for start, end in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        spans = sorted(_span(part) for part in text.split(",") if part.strip())
        for (_start, end), (start, _end) in pairwise(spans):
            if start < end:
                raise ValidationError(_("Two of these times overlap at %(time)s.") % {"time": start})
        return spans

    def has_changed(self, initial: Any, data: Any) -> bool:
        return True


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if not found:
        raise ValidationError(
            _("“%(text)s” is not a time span: write 09:00–17:30, with commas between several.")
            % {"text": text.strip()}
        )
    start, end = _clock(found[1], found[2]), _clock(found[3], found[4])
    if end > "24:00" or start >= end:
        raise ValidationError(
            _(
                "%(start)s–%(end)s ends before it begins. What goes on after midnight is two spans: until 24:00, "
                "and from 00:00 on the next day."
            )
            % {"start": start, "end": end}
        )
    return [start, end]


def _clock(hour: str, minute: str | None) -> str:
    return f"{int(hour):02}:{minute or '00'}"


class StartForm(forms.ModelForm):
    """What starts a flow by itself. Of a text to our number only the number is asked for."""

    number = forms.ModelChoiceField(Number.objects.none(), required=False)
    reasons = forms.MultipleChoiceField(
        label=gettext_lazy("Missed because"),
        choices=list(REASONS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Nothing chosen: whatever the reason, also one that Aircall does not name."),
    )
    hours = forms.ChoiceField(
        label=gettext_lazy("When"), choices=Start.Hours.choices, widget=forms.RadioSelect
    )
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone of these hours"), required=False)

    class Meta:
        model = Start
        fields = ["number", "reasons", "hours", "time_zone"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.is_call = self.instance.kind == Start.Kind.MISSED_CALL
        self._offer_numbers()
        if not self.is_call:
            for name in ("reasons", "hours", "time_zone"):
                del self.fields[name]
            return
        zones: Any = self.fields["time_zone"]
        workspace = self.instance.workspace
        zones.choices = [("", _("As the workspace: %(zone)s") % {"zone": workspace.time_zone}), *time_zones()]
        opening = self.instance.opening or [[] for _day in WEEKDAYS]
        for (name, label), spans in zip(WEEKDAYS, opening, strict=True):
            self.fields[name] = SpansField(label=label, required=False, initial=list(spans), max_length=120)

    @property
    def days(self) -> list[forms.BoundField]:
        """The fields of the weekly table."""
        return [self[name] for name, _label in WEEKDAYS] if self.is_call else []

    def clean(self) -> dict[str, Any]:
        if self.is_call:
            self.instance.opening = [self.cleaned_data.get(name) or [] for name, _label in WEEKDAYS]
            counts = self.cleaned_data.get("hours") != Start.Hours.ANY
            if counts and not any(self.instance.opening) and not self.errors:
                self.add_error("hours", _("Say when you are open: the table below has no hours."))
        return self.cleaned_data

    def _offer_numbers(self) -> None:
        field: Any = self.fields["number"]
        there = Number.objects.filter(workspace=self.instance.workspace, kind=SenderKind.PHONE, gone_at=None)
        if self.is_call:  # Aircall alone tells of missed calls
            there = there.filter(connection__kind=Connection.Kind.AIRCALL)
        field.queryset = there.order_by("name", "pk")
        field.label = _("Number that was called") if self.is_call else _("Number that was texted")
        field.empty_label = _("Any of our numbers")
        field.label_from_instance = named


# --- Hosts ----------------------------------------------------------------------------------------------

#: The header that a credential goes into where nobody says otherwise.
DEFAULT_HEADER = "Authorization"
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class HeaderValueField(SecretField):
    """The value of a header, as it is sent; it may have spaces, as "Bearer …" has."""

    def clean(self, value: Any) -> str:
        text: str = forms.CharField.clean(self, value)
        if not HEADER_VALUE.fullmatch(text):
            raise ValidationError(_("This has a sign that no header carries: copy it again."))
        return text


class CredentialForm(forms.Form):
    """What a host is called with: a header that is added to every call, and never shown again."""

    header = forms.CharField(
        label=gettext_lazy("Name of the header"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    value = HeaderValueField(label=gettext_lazy("Value of the header"), required=False)
    forget = forms.BooleanField(label=gettext_lazy("Call it without a header"), required=False)

    def __init__(self, data: Any = None, kept: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        self.kept = dict(kept or {})
        header, value = self.fields["header"], self.fields["value"]
        if self.kept:
            header.help_text = value.help_text = _("Set. Leave empty to keep it.")
            return
        del self.fields["forget"]
        header.help_text = _("Empty: %(name)s.") % {"name": DEFAULT_HEADER}
        value.help_text = _(
            "As the service wants it, as in “Bearer …”. Left empty, nothing is added. It is stored encrypted and sent "
            "to this host alone."
        )

    def clean_header(self) -> str:
        header: str = self.cleaned_data["header"]
        if header and not is_header_name(header):
            raise ValidationError(_("“%(name)s” is not a header that can be set.") % {"name": header})
        return header

    def clean(self) -> dict[str, Any]:
        header, value = self.cleaned_data.get("header"), self.cleaned_data.get("value")
        if header and not value and not self.kept and not self.errors:
            self.add_error("value", _("Give the value of the header too."))
        return self.cleaned_data

    @property
    def secrets(self) -> dict[str, str]:
        """What is stored, from valid fields: what was left empty stays."""
        given = {name: self.cleaned_data[name] for name in ("header", "value") if self.cleaned_data[name]}
        kept = {"header": DEFAULT_HEADER, **self.kept, **given}
        return {} if self.cleaned_data.get("forget") or "value" not in kept else kept


class HostForm(CredentialForm):
    """A host that flows may call."""

    host = forms.CharField(
        label=gettext_lazy("Host"),
        max_length=500,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
        help_text=gettext_lazy(
            "As it stands in the address, as in api.example.com; with a port, if there is one."
        ),
        error_messages={"required": gettext_lazy("Name the host.")},
    )

    field_order = ("host", "header", "value")

    def __init__(self, workspace: Workspace, data: Any = None) -> None:
        super().__init__(data)
        self.workspace = workspace

    def clean_host(self) -> str:
        given: str = self.cleaned_data["host"]
        host = _host_of(given)
        if host is None:
            raise ValidationError(
                _("“%(text)s” is not the name of a host: write it as in api.example.com.") % {"text": given}
            )
        if FetchHost.objects.filter(workspace=self.workspace, host=host).exists():
            raise ValidationError(_("%(host)s is allowed already.") % {"host": host})
        return host


def _host_of(text: str) -> str | None:
    """The host of an address or of itself, in lower case, with its port if it names one; None for none."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        name, port = parts.hostname or "", parts.port
        name = name.encode("idna").decode()
    except (ValueError, UnicodeError):
        return None
    if not _HOST.fullmatch(name):
        return None
    return f"{name}:{port}" if port else name
