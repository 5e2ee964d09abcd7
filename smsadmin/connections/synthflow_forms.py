"""The form of a Synthflow workspace: it carries no messages, and is asked what became of calls."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from smsadmin.connections.form_base import ConnectionForm, SecretField
from smsadmin.providers.synthflow.options import EU, GLOBAL, US, Options
from smsadmin.workspaces.models import Connection


class SynthflowForm(ConnectionForm):
    kind = Connection.Kind.SYNTHFLOW
    SECRETS = ("api_key",)
    PROVING = ("region",)  # a workspace is known in its own alone
    options_of = Options

    workspace_id = forms.RegexField(
        r"^[A-Za-z0-9._-]{1,80}$",
        label=gettext_lazy("Workspace id"),
        help_text=gettext_lazy("Of the workspace at Synthflow: it stands in the address of its dashboard."),
        error_messages={
            "invalid": gettext_lazy("A workspace id has letters, digits, dots, dashes and underscores only."),
            "required": gettext_lazy("Copy the workspace id from Synthflow."),
        },
    )
    api_key = SecretField(
        label=gettext_lazy("API key"),
        help_text=gettext_lazy("Synthflow › Settings › API keys. It is stored encrypted."),
        error_messages={"required": gettext_lazy("Copy the API key from Synthflow.")},
    )
    region = forms.ChoiceField(
        label=gettext_lazy("Region"),
        choices=[
            (GLOBAL, gettext_lazy("global")),
            (US, gettext_lazy("United States")),
            (EU, gettext_lazy("European Union")),
        ],
        help_text=gettext_lazy("Where the workspace lives: each region has an address of its own."),
    )

    field_order = ["name", "workspace_id", "api_key", "region"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial.setdefault("workspace_id", self.instance.external_id)

    def external_id(self) -> str:
        return str(self.cleaned_data["workspace_id"])

    def id_field(self) -> str:
        return "workspace_id"
