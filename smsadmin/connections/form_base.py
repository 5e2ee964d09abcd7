"""What the forms of all kinds of connection share: secrets that are never shown again, and an id in use once."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from smsadmin.workspaces.models import Connection

Kind = Connection.Kind

#: Far above any limit Aircall has ever set, so a mistyped zero too many is noticed.
MOST_REQUESTS = 10_000


class SecretField(forms.CharField):
    """A secret: it is never shown again, and left empty it stays as it is."""

    def __init__(self, **options: Any) -> None:
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"})
        super().__init__(widget=widget, max_length=500, **options)

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if not text.isascii() or any(character.isspace() for character in text):
            raise ValidationError(_("This has a space or a sign that no key has: copy it again."))
        return text


class ConnectionForm(forms.ModelForm):
    """What all kinds of connection share: a name, an id unique in the whole installation, secrets."""

    SECRETS: tuple[str, ...] = ()
    OPTIONAL: tuple[str, ...] = ()
    kind: Kind

    class Meta:
        model = Connection
        fields = ["name"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in self.SECRETS:
            is_set = bool(self.instance.secrets.get(name))
            self.fields[name].required = not is_set and name not in self.OPTIONAL
            if self.instance.pk:
                self.fields[name].help_text = _("Set. Leave empty to keep it.") if is_set else _("Not set.")

    @classmethod
    def secrets_set(cls, connection: Connection) -> list[tuple[str, bool]]:
        """Which secrets the connection has: (label, whether it is set)."""
        return [
            (str(cls.base_fields[name].label), bool(connection.secrets.get(name))) for name in cls.SECRETS
        ]

    def external_id(self) -> str:
        """What the provider calls the account, from valid fields."""
        raise NotImplementedError

    def id_field(self) -> str:
        """The field that an id already in use is shown at."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            same = Connection.objects.filter(kind=self.kind, external_id=self.external_id())
            if other := same.exclude(pk=self.instance.pk).first():
                self.add_error(self.id_field(), self._in_use(other))
        return values

    def save(self, commit: bool = True) -> Connection:
        connection = self.instance
        given = {name: value for name in self.SECRETS if (value := self.cleaned_data.get(name))}
        changed = given or connection.external_id != self.external_id()
        if connection.external_id != self.external_id():
            connection.proven_at = None
        connection.kind, connection.external_id = self.kind, self.external_id()
        connection.secrets = {**connection.secrets, **given}
        if changed:
            connection.state, connection.state_detail = Connection.State.UNTESTED, ""
            connection.lost_at = None  # new credentials are tried: what waited goes out, or is put back
        return super().save(commit)

    def _in_use(self, other: Connection) -> str:
        """Says no more about another workspace than that there is one."""
        if other.workspace_id == self.instance.workspace_id:
            return _("This is connected already, as “%(name)s”.") % {"name": other.name}
        return _(
            "This cannot be connected here, because it is in use elsewhere. One account belongs to one workspace."
        )
