"""What the forms of all kinds of connection share: options, secrets that are never shown again, an id in use once."""

from dataclasses import fields
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from smsadmin.providers.options import AccountOptions
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
    """What all kinds of connection share: a name, an id unique in the whole installation, secrets, and options, each a
    field of the same name."""

    SECRETS: tuple[str, ...] = ()
    OPTIONAL: tuple[str, ...] = ()
    #: Secrets that hardly any account has; they stand with the options.
    RARE: tuple[str, ...] = ()
    #: Secrets that a list of those which are set leaves out where they are not.
    UNMENTIONED: tuple[str, ...] = ()
    #: Options that decide whether the credentials are taken.
    PROVING: tuple[str, ...] = ()
    #: How the account is spoken to.
    options_of: ClassVar[type[AccountOptions]] = AccountOptions
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
        for name, value in self._stored().as_stored().items():
            self.initial.setdefault(name, value or None)  # 0 is an empty field

    @classmethod
    def secrets_set(cls, connection: Connection) -> list[tuple[str, bool]]:
        """Which secrets the connection has: (label, whether it is set)."""
        found = {name: bool(connection.secrets.get(name)) for name in cls.SECRETS}
        return [
            (str(cls.base_fields[name].label), is_set)
            for name, is_set in found.items()
            if is_set or name not in cls.UNMENTIONED
        ]

    @property
    def basic(self) -> list[forms.BoundField]:
        """The fields that every account needs."""
        return [field for field in self if field.name not in self._rare()]

    @property
    def spoken(self) -> list[forms.BoundField]:
        """Those that hardly anybody has to touch."""
        return [field for field in self if field.name in self._rare()]

    @property
    def is_special(self) -> bool:
        """Whether one of the latter is not as installed, or wrong."""
        is_set = any(self.instance.secrets.get(name) for name in self.RARE)
        return is_set or self._stored() != self.options_of() or bool(self._rare() & self.errors.keys())

    def _rare(self) -> set[str]:
        return {*self.RARE, *(each.name for each in fields(self.options_of))}

    def _stored(self) -> AccountOptions:
        return self.options_of.read(self.instance.options)

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
        before = self._stored().as_stored()
        connection.options = {name: self.cleaned_data[name] for name in before}
        proves_otherwise = any(before[name] != connection.options[name] for name in self.PROVING)
        changed = given or proves_otherwise or connection.external_id != self.external_id()
        if connection.external_id != self.external_id():
            connection.proven_at = None
        connection.kind, connection.external_id = self.kind, self.external_id()
        connection.secrets = {**connection.secrets, **given}
        if (
            changed
        ):  # new credentials, or another way to show them, are tried: what waited goes out, or is put back
            connection.state, connection.state_detail = Connection.State.UNTESTED, ""
            connection.lost_at = None
        return super().save(commit)

    def _in_use(self, other: Connection) -> str:
        """Says no more about another workspace than that there is one."""
        if other.workspace_id == self.instance.workspace_id:
            return _("This is connected already, as “%(name)s”.") % {"name": other.name}
        return _(
            "This cannot be connected here, because it is in use elsewhere. One account belongs to one workspace."
        )
