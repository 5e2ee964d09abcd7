"""Forms of rules: own ones, those that a provider documents, what replaces a rule later, and the priority share."""

from copy import copy
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.core import numbers
from smsadmin.core.windows import Window, resets_at
from smsadmin.directory.models import Agent, Number
from smsadmin.providers import registry
from smsadmin.quotas import rulebook, rules
from smsadmin.quotas.models import PriorityShare, Rule, Scope
from smsadmin.quotas.rule_presenters import named
from smsadmin.workspaces.forms import time_zones
from smsadmin.workspaces.models import Connection, User, Workspace

#: Far above what any provider carries, so a mistyped zero too many is noticed.
MOST = 100_000_000
#: Fewer are no reason that anybody could follow later.
LEAST_LETTERS = 10
#: What says for whom a rule is, beside `route`, in each scope; the rest is neither asked for nor kept.
FOR_WHOM: dict[str, tuple[str, ...]] = {Scope.NUMBER: ("number", "country", "line"), Scope.USER: ("agent",)}
#: What of them is empty when it does not apply.
EMPTY: dict[str, Any] = {"number": None, "agent": None, "country": "", "line": "", "route": ""}
TOO_LONG = gettext_lazy("Write at most %(limit_value)s characters; these are %(show_value)s.")
#: Who carries messages; a HubSpot portal only asks for them.
CARRIERS = [(kind.value, kind.label) for kind in Connection.Kind if kind in registry.CARRIERS]


class _LimitField(forms.IntegerField):
    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("Limit"),
            min_value=1,
            max_value=MOST,
            error_messages={
                "required": gettext_lazy("Say how many are the most."),
                "invalid": gettext_lazy("Write a whole number."),
                "min_value": gettext_lazy(
                    "1 is the least: less would stop every message. To stop messages switch off their actions."
                ),
                "max_value": gettext_lazy("No provider carries that many: leave a limit out instead."),
            },
        )


class _StartField(forms.DateTimeField):
    """A moment of this century in the zone of who looks at the page, to the minute. `past`: what to do instead of
    naming one that is over."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, *, past: Any, **options: Any) -> None:
        super().__init__(
            label=gettext_lazy("Holds from"),
            error_messages={
                "required": gettext_lazy("Say from when on it holds."),
                "invalid": gettext_lazy("Write a date and a time, as in 2026-12-01 00:00."),
                "far": gettext_lazy("Write a year from 2000 to 2099."),
                "past": past,
            },
            **options,
        )

    def validate(self, value: datetime | None) -> None:
        super().validate(value)
        if value and value.year not in range(2000, 2100):
            raise forms.ValidationError(self.error_messages["far"], "far")


class RuleForm(forms.ModelForm):
    """What all forms of rules share: nobody departs from a documented limit without a reason, and no two rules are for
    the same from the same moment on."""

    use_required_attribute = False  # of fields that may not be shown

    limit = _LimitField()

    #: What the form's rule is to replace.
    replaced: Rule | None = None
    #: Whether the form does nothing else than switching its rule off.
    switches_off = False

    def __init__(self, now: datetime, *args: Any, **options: Any) -> None:
        """`now`: when the form is looked at or sent."""
        super().__init__(*args, **options)
        self.now = now
        self.before = copy(self.instance)  # checking a form fills its instance
        if self.instance.documented is None:
            self.fields.pop("reason", None)
        if isinstance(zone := self.fields.get("zone"), forms.ChoiceField):
            zone.choices = _zones(self.instance.workspace)

    def clean_effective_from(self) -> datetime | None:
        start: datetime | None = self.cleaned_data["effective_from"]
        if start and start <= self.now and start != self.before.effective_from:
            raise forms.ValidationError(self.fields["effective_from"].error_messages["past"], "past")
        return start

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        self.leave_out(values)
        if not self.errors:
            wanted = copy(self.instance)
            for name, value in values.items():
                setattr(wanted, name, value)
            self._differs_from_others(wanted)
            self._has_a_reason(wanted, values)
        return values

    def leave_out(self, values: dict[str, Any]) -> None:
        """Empties what does not apply."""

    def _differs_from_others(self, wanted: Rule) -> None:
        is_another = rulebook.identity(wanted) != rulebook.identity(self.before)
        if self.before.pk and is_another and (others := rules.same(self.before)):
            text = _(
                "“%(other)s” replaces this rule, or is replaced by it: what they are for stays the same."
            )
            self.add_error(None, text % {"other": named(others[0])})
        if not (others := rules.same(wanted)):
            return
        if is_another:
            text = _(
                "There is a rule for this already: “%(other)s”. Change that one, or plan its replacement."
            )
            self.add_error(None, text % {"other": named(others[0])})
        elif taken := [each for each in others if each.effective_from == wanted.effective_from]:
            text = _("From then on there is a rule for this already: “%(other)s”.")
            self.add_error("effective_from", text % {"other": named(taken[0])})

    def _has_a_reason(self, wanted: Rule, values: dict[str, Any]) -> None:
        if "reason" not in self.fields:
            return
        if not rules.departures(wanted):
            values["reason"] = ""
        elif sum(character.isalpha() for character in values["reason"]) < LEAST_LETTERS:
            text = _("This departs from what the provider documents. Write why, in at least a few words.")
            self.add_error("reason", text)

    def keep(self, person: User) -> Rule:
        """Saves the valid form; a changed reason is the person's."""
        if self.instance.reason != self.before.reason or not rules.departures(self.instance):
            rules.sign(self.instance, person, self.now)
        return self.save()


class OwnRuleForm(RuleForm):
    """A rule of the workspace's own. It can only tighten, since all rules that fit hold at once."""

    scope = forms.ChoiceField(
        label=gettext_lazy("For each"),
        choices=Scope.choices,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose whether it is for each number or for each user.")},
    )
    country = forms.ChoiceField(label=gettext_lazy("Only numbers of the country"), required=False)
    route = forms.ChoiceField(
        label=gettext_lazy("Only what is carried by"),
        choices=[("", gettext_lazy("Any provider")), *CARRIERS],
        required=False,
    )
    zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=time_zones,
        initial=rulebook.UTC_ZONE,
        help_text=gettext_lazy("Whose minutes, hours, days and months. Providers count in UTC."),
    )
    effective_from = _StartField(
        required=False,
        help_text=gettext_lazy("In your time zone. Empty: at once."),
        past=gettext_lazy("That is past. Leave it empty: the rule holds at once then."),
    )

    class Meta:
        model = Rule
        fields = [
            "scope", "number", "country", "line", "agent", "route", "limit", "unit", "window", "zone",
            "effective_from", "source", "note", "enabled",
        ]  # fmt: skip
        labels = {
            "number": gettext_lazy("Only one number"),
            "agent": gettext_lazy("Only one user"),
            "line": gettext_lazy("Only numbers of the kind"),
            "unit": gettext_lazy("Counted in"),
            "window": gettext_lazy("In each"),
        }
        help_texts = {
            "number": gettext_lazy(
                "With one number chosen, no country, kind or provider is kept: they say nothing more."
            ),
            "agent": gettext_lazy("With one user chosen, no provider is kept: it says nothing more."),
            "line": gettext_lazy(
                "In North America nobody can tell mobile from fixed lines: choose “fixed line or mobile” there."
            ),
            "source": gettext_lazy("Where the limit comes from, such as a contract."),
            "note": gettext_lazy("What somebody should know who reads it later."),
        }
        error_messages = {
            "window": {"required": gettext_lazy("Choose the window.")},
            "unit": {"required": gettext_lazy("Choose messages or segments.")},
            "source": {"max_length": TOO_LONG},
            "note": {"max_length": TOO_LONG},
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        workspace_id = self.instance.workspace_id
        present = Number.objects.filter(workspace_id=workspace_id, gone_at=None)
        self._offer("number", present.order_by("name"), _("Every number"))
        users = Agent.objects.filter(workspace_id=workspace_id, gone_at=None)
        self._offer("agent", users.order_by("name"), _("Every user"))
        own = present.exclude(country="").values_list("country", flat=True).distinct()
        self._choices("country", _("Any country"), _countries(set(own)))
        self._choices("line", _("Any kind"), Rule.Line.choices)
        self._choices("window", _("Choose a window"), Rule.Window.choices)

    def _offer(self, name: str, found: Any, everybody: str) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)
        chosen = getattr(self.instance, f"{name}_id")
        field.queryset = found | found.model.objects.filter(pk=chosen) if chosen else found
        field.empty_label = everybody

    def _choices(self, name: str, none: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", none), *choices]

    def leave_out(self, values: dict[str, Any]) -> None:
        kept = {"route", *FOR_WHOM.get(values.get("scope", ""), ())}
        if "number" in kept and values.get("number"):
            kept = {"number"}
        elif "agent" in kept and values.get("agent"):
            kept = {"agent"}
        for name in EMPTY.keys() - kept:
            self.errors.pop(name, None)
            values[name] = EMPTY[name]


def _countries(own: set[str]) -> list[Any]:
    """Those of the workspace's numbers first."""
    every = numbers.regions()
    ours = [(code, words) for code, words in every if code in own]
    others = [(code, words) for code, words in every if code not in own]
    return [*([(_("Of your numbers"), ours)] if ours else []), (_("Others"), others)]


def _zones(workspace: Workspace) -> list[Any]:
    """Those of the workspace and its numbers first."""
    every = time_zones()
    e164s = Number.objects.filter(workspace=workspace, gone_at=None).values_list("e164", flat=True)
    own = {rulebook.UTC_ZONE, workspace.time_zone, *map(numbers.zone_of, e164s)}
    near = [(name, words) for name, words in every if name in own]
    others = [(name, words) for name, words in every if name not in own]
    return [(_("Of your workspace"), near), (_("Others"), others)]


def _reason_field(needed_for: Any) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=needed_for,
        error_messages={"max_length": TOO_LONG},
    )


class DocumentedRuleForm(RuleForm):
    """What may be changed of a documented limit."""

    zone = OwnRuleForm.base_fields["zone"]
    reason = _reason_field(
        gettext_lazy(
            "Needed for a limit above the documented one, for another zone than UTC, and to switch off what the "
            "provider counts for everybody. It is shown beside the rule, with your name."
        )
    )

    class Meta:
        model = Rule
        fields = ["limit", "zone", "enabled", "reason"]


class ReplacingRuleForm(RuleForm):
    """What may be changed of a rule that replaces a documented one."""

    effective_from = _StartField(
        help_text=gettext_lazy("In your time zone."),
        past=gettext_lazy(
            "That is past. To change what holds now, change the rule itself; else name a later moment."
        ),
    )
    reason = _reason_field(
        gettext_lazy(
            "Needed for a limit above the documented one, and to switch off what the provider counts for everybody. "
            "It is shown beside the rule, with your name."
        )
    )

    class Meta:
        model = Rule
        fields = ["limit", "effective_from", "enabled", "reason"]


class ReplacementForm(ReplacingRuleForm):
    """What is to replace a rule from a moment in the future on; an edge of its own calendar is suggested."""

    def __init__(self, now: datetime, replaced: Rule, *args: Any, **options: Any) -> None:
        window = Window.MONTH if replaced.window == Window.MONTH else Window.DAY
        initial = {"effective_from": resets_at(window, now, replaced.zone)}
        super().__init__(now, *args, instance=rules.replacement(replaced), initial=initial, **options)
        self.replaced = replaced


class SwitchOffForm(RuleForm):
    """Switches off what holds for everybody unasked: why. A reason that it had was for something else."""

    switches_off = True
    limit = None  # type: ignore[assignment]  # not asked for
    reason = _reason_field(gettext_lazy("It is shown beside the rule, with your name."))

    class Meta:
        model = Rule
        fields = ["reason"]

    def __init__(self, now: datetime, *args: Any, **options: Any) -> None:
        super().__init__(now, *args, initial={"reason": ""}, **options)
        self.instance.enabled = False


def form_of(rule: Rule) -> type[RuleForm]:
    """The form in which a rule is changed."""
    if rule.documented is None:
        return OwnRuleForm
    return DocumentedRuleForm if rule.preset else ReplacingRuleForm


class PriorityShareForm(forms.ModelForm):
    percent = forms.IntegerField(
        label=gettext_lazy("Percent of every limit"),
        min_value=0,
        max_value=PriorityShare.MOST,
        error_messages={
            "required": gettext_lazy("Say how many percent; 0 keeps nothing."),
            "invalid": gettext_lazy("Write a whole number."),
            "min_value": gettext_lazy("0 is the least: it keeps nothing."),
            "max_value": gettext_lazy("%(limit_value)s is the most: other messages need room too."),
        },
    )

    class Meta:
        model = PriorityShare
        fields = ["percent"]
