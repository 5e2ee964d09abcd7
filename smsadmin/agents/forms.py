"""The forms of agents: who they are, and what each may use."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.actions.fields import with_sent_line_ends
from smsadmin.actions.models import Action, ActionVersion
from smsadmin.agents import saving, tools, variables
from smsadmin.agents.advice import MOST_CHARACTERS
from smsadmin.agents.after.running import TRUSTS
from smsadmin.agents.models import AIAgent, Attachment
from smsadmin.agents.tools import MOST_VALUE, TO, Tool
from smsadmin.agents.variables import Need
from smsadmin.connections.form_base import SecretField
from smsadmin.core import numbers
from smsadmin.workspaces.models import Connection, Workspace

Platform, Recipient, When = AIAgent.Platform, Attachment.Recipient, Attachment.When

LANGUAGES: Any = AIAgent._meta.get_field("language").choices

#: More texts of one action in one call are a mistake.
MOST_PER_CALL = 20
#: What each platform signs its calls with, as its own pages call it.
SIGNING_HELP: dict[str, Any] = {
    Platform.SYNTHFLOW: gettext_lazy(
        "The secret that Synthflow signs its webhooks with. A webhook that is signed needs no token; tools are called "
        "with the token."
    ),
    Platform.VAPI: gettext_lazy(
        "The secret of the Vapi credential, where it signs by HMAC. A call that is signed needs no token."
    ),
    Platform.RETELL: gettext_lazy(
        "The API key of your Retell workspace, with which Retell signs its calls. A call that is signed needs no token."
    ),
}


class AgentForm(forms.Form):
    """A new agent."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        error_messages={"required": gettext_lazy("Give the agent a name.")},
    )
    platform = forms.ChoiceField(
        label=gettext_lazy("Platform"),
        choices=Platform.choices,
        help_text=gettext_lazy("What the agent runs on. It decides about the set-up that its page shows."),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language it speaks"),
        choices=LANGUAGES,
        help_text=gettext_lazy("What it reads about its tools, and the sentences that it can say aloud."),
    )
    signing = SecretField(
        label=gettext_lazy("Signing secret"),
        required=False,
        help_text=gettext_lazy(
            "Synthflow, Vapi and Retell can sign what they send: with this secret the signature counts instead of the "
            "token. It is stored encrypted and never shown again."
        ),
    )
    build_mode = forms.BooleanField(
        label=gettext_lazy("Build mode: it texts verified test numbers only"),
        required=False,
        help_text=gettext_lazy("For as long as you try it out. Every other number is refused."),
    )

    def __init__(self, workspace: Workspace, agent: AIAgent | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.workspace, self.agent = workspace, agent

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if problem := saving.name_problem(self.workspace, name, self.agent):
            raise ValidationError(problem)
        return name

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("signing") and self.cleaned_data.get("platform") not in saving.SIGNING:
            self.add_error("signing", _("This platform signs nothing: leave it empty. Its token is enough."))
        return self.cleaned_data

    @property
    def columns(self) -> dict[str, Any]:
        """What a valid form says of the agent, without its secret."""
        return {name: self.cleaned_data[name] for name in ("name", "platform", "language", "build_mode")}


class AgentSettingsForm(AgentForm):
    """An agent as it is: also what its platform calls it, and how that signs."""

    external_id = forms.CharField(
        label=gettext_lazy("Id of the agent at its platform"),
        max_length=80,
        required=False,
        help_text=gettext_lazy(
            "Of Synthflow: its model_id. With an account it is needed, to tell the agent's own calls from others'."
        ),
    )
    connection = forms.ModelChoiceField(
        Connection.objects.none(),
        label=gettext_lazy("Account"),
        required=False,
        empty_label=gettext_lazy("None"),
    )
    header = forms.CharField(
        label=gettext_lazy("Header with the signature"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("As the Vapi credential names it."),
    )
    algorithm = forms.ChoiceField(
        label=gettext_lazy("Algorithm"),
        choices=[("sha256", "HMAC-SHA256"), ("sha512", "HMAC-SHA512"), ("sha1", "HMAC-SHA1")],
        required=False,
    )
    timestamp_header = forms.CharField(
        label=gettext_lazy("Header with the time"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("Empty: the time is not signed."),
    )
    acts_unconfirmed = forms.BooleanField(
        label=gettext_lazy("Send after a call also where nothing proves what was told of it"),
        required=False,
        help_text=gettext_lazy(
            "Synthflow signs the id of a call, not what it tells of it. With the account above each call is asked for; "
            "without it, nothing is sent after a call unless you allow it here."
        ),
    )
    field_order = (
        *("name", "platform", "language", "external_id", "connection", "acts_unconfirmed"),
        *("signing", "header", "algorithm", "timestamp_header", "build_mode"),
    )
    #: The fields that are kept in AIAgent.options.
    OPTIONS = ("header", "algorithm", "timestamp_header", TRUSTS)

    def __init__(self, workspace: Workspace, agent: AIAgent, **options: Any) -> None:
        initial = {name: getattr(agent, name) for name in ("name", "platform", "language", "build_mode")}
        initial |= {"external_id": agent.external_id, "connection": agent.connection_id, **agent.options}
        super().__init__(workspace, agent, initial=initial, **options)
        platform = str(self["platform"].value())
        self._keep_what_fits(workspace, platform)
        if "signing" in self.fields:
            is_set = bool(agent.secrets.get("signing"))
            self.fields["signing"].help_text = " ".join(
                [
                    str(SIGNING_HELP[platform]),
                    _("Set. Leave empty to keep it.") if is_set else _("Not set."),
                ]
            )

    def _keep_what_fits(self, workspace: Workspace, platform: str) -> None:
        if platform not in saving.SIGNING:
            del self.fields["signing"]
        if platform != Platform.VAPI:
            for name in ("header", "algorithm", "timestamp_header"):
                del self.fields[name]
        accounts: Any = self.fields["connection"]
        accounts.queryset = workspace.connections.filter(kind=Connection.Kind.SYNTHFLOW).order_by("name")
        if platform != Platform.SYNTHFLOW:
            for name in ("connection", "external_id", TRUSTS):
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given.get("connection") and not given.get("external_id"):
            self.add_error(
                "external_id",
                _("Enter the id: without it calls of the account's other agents would count as this one's."),
            )
        return given

    @property
    def columns(self) -> dict[str, Any]:
        given = self.cleaned_data
        return super().columns | {
            "external_id": given.get("external_id", ""),
            "connection": given.get("connection"),
            "options": {name: given[name] for name in self.OPTIONS if given.get(name)},
        }


# --- What an agent may use --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of one value that the action names."""

    need: Need
    source: forms.BoundField
    value: forms.BoundField
    name: forms.BoundField
    description: forms.BoundField
    example: forms.BoundField
    required: forms.BoundField

    @property
    def token(self) -> str:
        return "{{" + self.need.label + "}}"


class AttachmentForm(forms.Form):
    """How an agent uses an action. Give it the attachment, a new one too: its agent and action decide what is asked.

    The rule of one that is sent after the call has a form of its own (after.forms.RuleForm).
    """

    tool_name = forms.CharField(
        label=gettext_lazy("Name of the tool"),
        max_length=variables.MOST_NAME,
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocapitalize": "none"}),
        error_messages={"required": gettext_lazy("Give the tool a name.")},
        help_text=gettext_lazy("What the agent calls it: small letters, digits and underscores."),
    )
    what = forms.CharField(
        label=gettext_lazy("What it does"),
        max_length=300,
        required=False,
        help_text=gettext_lazy("One sentence for the agent. Empty: made from the name of the action."),
    )
    condition = forms.CharField(
        label=gettext_lazy("Condition"),
        max_length=MOST_CHARACTERS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "true"}),
        help_text=gettext_lazy("When the agent is to send it. Empty: the condition of the action."),
    )
    when = forms.ChoiceField(
        label=gettext_lazy("When it is sent"), choices=When.choices, widget=forms.RadioSelect
    )
    recipient = forms.ChoiceField(
        label=gettext_lazy("Recipient"),
        choices=Recipient.choices,
        widget=forms.RadioSelect,
        help_text=gettext_lazy(
            "A number that the agent gives is checked as any is. It may have misheard it, and the text goes there."
        ),
    )
    most_per_call = forms.IntegerField(
        label=gettext_lazy("Most texts of it in one call"),
        min_value=1,
        max_value=MOST_PER_CALL,
        help_text=gettext_lazy("What the agent asks for beyond them is refused, whatever it says."),
    )

    def __init__(self, attachment: Attachment, **options: Any) -> None:
        self.attachment = attachment
        self.version = attachment.action.current
        self.needs = variables.needed(self.version) if self.version else []
        super().__init__(initial=_initial(attachment, self.version, self.needs), **options)
        self.fields["condition"].widget.attrs["placeholder"] = self.inherited or _("none")
        self.fields["what"].widget.attrs["placeholder"] = _("Sends the text message “%(name)s”.") % {
            "name": attachment.action.name
        }
        if attachment.pk:
            self.fields["tool_name"].help_text = _(
                "Platforms keep the name they once read: after another one is saved, set the tool up there again."
            )
        for number, need in enumerate(self.needs):
            self.fields.update(_fields(number, need))

    @property
    def inherited(self) -> str:
        """The condition of the action itself."""
        return self.version.condition if self.version else ""

    @property
    def effective(self) -> str:
        """The condition that the agent would read, as the form stands."""
        return str(self["condition"].value() or "").strip() or self.inherited

    @property
    def rows(self) -> list[Row]:
        parts = ("source", "value", "name", "description", "example", "required")
        return [
            Row(need, *(self[f"v{number}-{part}"] for part in parts))
            for number, need in enumerate(self.needs)
        ]

    def clean_tool_name(self) -> str:
        name: str = self.cleaned_data["tool_name"]
        if not variables.NAME.fullmatch(name):
            raise ValidationError(
                _("Write small letters, digits and underscores, as in send_booking_confirmation.")
            )
        if problem := saving.tool_problem(self.attachment.agent, name, self.attachment):
            raise ValidationError(problem)
        return name

    def clean_condition(self) -> str:
        return with_sent_line_ends(self.cleaned_data["condition"])

    def clean(self) -> dict[str, Any]:
        taken: set[str] = set()
        for number, need in enumerate(self.needs):
            if self.cleaned_data.get(f"v{number}-source") == "fixed":
                self._check_fixed(number, need)
            else:
                self._check_given(number, taken)
        return self.cleaned_data

    def _check_fixed(self, number: int, need: Need) -> None:
        if not self.cleaned_data.get(f"v{number}-value") and not need.has_default:
            self.add_error(f"v{number}-value", _("Write the value, or let the agent give it."))

    def _check_given(self, number: int, taken: set[str]) -> None:
        field = f"v{number}-name"
        name = self.cleaned_data.get(field) or self.needs[number].name
        if not variables.is_name(name):
            self.add_error(
                field,
                _(
                    "Write small letters, digits and underscores; names such as to and call_id mean something else."
                ),
            )
        elif name in taken:
            self.add_error(field, _("Another value has this name: choose a different one."))
        taken.add(name)

    def filled(self) -> Attachment:
        """The attachment with what a valid form says; nothing is saved."""
        for name in ("tool_name", "what", "condition", "when", "recipient", "most_per_call"):
            setattr(self.attachment, name, self.cleaned_data[name])
        self.attachment.variables = {need.path: self._said(number) for number, need in enumerate(self.needs)}
        return self.attachment

    def _said(self, number: int) -> dict[str, Any]:
        given = {part: self.cleaned_data[f"v{number}-{part}"] for part in ("source", "value", "name")}
        if given["source"] == "fixed":
            return {"source": "fixed", "value": given["value"]}
        more = {
            part: self.cleaned_data[f"v{number}-{part}"] for part in ("description", "example", "required")
        }
        return {"source": "agent", "name": given["name"] or self.needs[number].name, **more}


def _fields(number: int, need: Need) -> dict[str, forms.Field]:
    given = (
        _("The agent gives it")
        if need.is_text
        else _("The agent gives it, and so decides what it is sent from")
    )
    return {
        f"v{number}-source": forms.ChoiceField(
            label=_("Who says it"),
            choices=[("agent", given), ("fixed", _("Always the same value"))],
            widget=forms.RadioSelect,
        ),
        f"v{number}-value": forms.CharField(label=_("Value"), max_length=MOST_VALUE, required=False),
        f"v{number}-name": forms.CharField(
            label=_("What the agent calls it"),
            max_length=variables.MOST_NAME,
            required=False,
            widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocapitalize": "none"}),
        ),
        f"v{number}-description": forms.CharField(
            label=_("What it is"),
            max_length=200,
            required=False,
            help_text=_("For the agent, as in “The day that was agreed, as one would say it”."),
        ),
        f"v{number}-example": forms.CharField(label=_("Example"), max_length=100, required=False),
        f"v{number}-required": forms.BooleanField(label=_("The agent has to give it"), required=False),
    }


def _initial(attachment: Attachment, version: ActionVersion | None, needs: Iterable[Need]) -> dict[str, Any]:
    names = ("tool_name", "what", "condition", "when", "recipient", "most_per_call")
    initial = {name: getattr(attachment, name) for name in names}
    settled = tools.said(attachment, version) if version else {}
    for number, need in enumerate(needs):
        setting = settled[need]
        found: dict[str, Any] = {
            "source": "fixed" if setting.source == "nobody" else setting.source,
            "value": setting.value,
            "name": setting.name,
            "description": setting.description,
            "example": setting.example,
            "required": setting.required,
        }
        initial |= {f"v{number}-{part}": value for part, value in found.items()}
    return initial


class AddForm(forms.Form):
    """Which action to attach to an agent."""

    action = forms.ModelChoiceField(
        Action.objects.none(),
        label=gettext_lazy("Action"),
        empty_label=gettext_lazy("Choose an action"),
        error_messages={"required": gettext_lazy("Choose the action to attach.")},
    )

    def __init__(self, workspace: Workspace, **options: Any) -> None:
        super().__init__(**options)
        choices: Any = self.fields["action"]
        choices.queryset = Action.objects.filter(
            workspace=workspace, archived_at=None, current__isnull=False
        ).order_by("name")


class AttachToForm(forms.Form):
    """Which agents are to have an action."""

    agents = forms.ModelMultipleChoiceField(
        AIAgent.objects.none(),
        label=gettext_lazy("Agents"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one agent.")},
    )

    def __init__(self, workspace: Workspace, action: Action, **options: Any) -> None:
        super().__init__(**options)
        choices: Any = self.fields["agents"]
        choices.queryset = (
            AIAgent.objects.filter(workspace=workspace, archived_at=None)
            .exclude(attachments__action=action)
            .order_by("name")
        )


class TryForm(forms.Form):
    """What a platform would send: whom the agent talks with, and what it gives."""

    party = forms.CharField(
        label=gettext_lazy("Number of whom the agent talks with"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
        help_text=gettext_lazy("With + and its country code, as platforms tell it."),
    )

    def __init__(self, tool: Tool, examples: dict[str, str], **options: Any) -> None:
        initial = {f"arg-{name}": value for name, value in examples.items()}
        super().__init__(initial={**initial, "party": examples[TO]}, **options)
        self.tool = tool
        for name, schema in tool.properties.items():
            self.fields[f"arg-{name}"] = forms.CharField(
                label=name,
                required=False,
                max_length=MOST_VALUE,
                help_text=str(schema.get("description", "")),
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )

    @property
    def arguments(self) -> dict[str, str]:
        """What a valid form gives the tool; an empty field gives nothing."""
        return dict(self._given())

    def _given(self) -> Iterator[tuple[str, str]]:
        for name in self.tool.properties:
            if value := self.cleaned_data[f"arg-{name}"]:
                yield name, value

    @property
    def number(self) -> str:
        """Whom the agent talks with, in E.164 where it can be read."""
        given: str = self.cleaned_data["party"]
        try:
            return numbers.read(given).e164
        except numbers.NumberError:
            return given
