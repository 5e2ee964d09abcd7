"""The rule builder: rows of conditions, which work without JavaScript. Empty rows count for nothing; a button posts the
form to have more of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.agents.after.rules import (
    COMPARING,
    DIRECTIONS,
    MOST_CHARACTERS,
    MOST_CONDITIONS,
    NAMED,
    TESTS,
    Condition,
    Fact,
    Rule,
    RuleError,
    Test,
    UnwrittenError,
    read,
)

#: Rows that a rule begins with; one empty row is always there.
FIRST_ROWS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of one condition."""

    number: int
    kind: forms.BoundField
    name: forms.BoundField
    value: forms.BoundField

    @property
    def fields(self) -> tuple[forms.BoundField, ...]:
        return self.kind, self.name, self.value

    @property
    def is_wrong(self) -> bool:
        return any(field.errors for field in self.fields)


class RuleForm(forms.Form):
    """The rule of an attachment that is sent after the call.

    Give it the posted data, or as `initial` what is stored. `wants_row`: a button asked for another row, so show the
    form again and save nothing. Once valid, `rule` is what to store; one without conditions has to be meant: `always`.
    `unwritten`: nobody has written the one that is stored.
    """

    use_required_attribute = False

    match = forms.ChoiceField(
        label=gettext_lazy("The text is sent"),
        choices=[
            ("all", gettext_lazy("where all of these conditions hold")),
            ("any", gettext_lazy("where one of these conditions holds")),
        ],
        required=False,
    )
    always = forms.BooleanField(
        label=gettext_lazy("After every call that has ended, without conditions"),
        required=False,
        help_text=gettext_lazy("Also where the line was busy, nobody answered, or a mailbox did."),
    )

    def __init__(self, prefix: str = "rule", data: Any = None, initial: Any = None) -> None:
        self.unreadable = self.unwritten = False
        rule = self._stored(initial)
        super().__init__(data=data, prefix=prefix, initial={**_initial(rule), "always": initial == {}})
        self.wants_row = self.is_bound and self.add_prefix("more") in self.data
        self.count = self._rows(len(rule.conditions))
        for number in range(self.count):
            self.fields.update(_fields(number))

    def _stored(self, initial: Any) -> Rule:
        try:
            return read(initial or {})
        except UnwrittenError:
            self.unwritten = True
            return Rule()
        except RuleError:
            self.unreadable = True
            return Rule()

    def _rows(self, stored: int) -> int:
        if not self.is_bound:
            return min(max(FIRST_ROWS, stored + 1), MOST_CONDITIONS)
        given = str(self.data.get(self.add_prefix("rows"), ""))
        count = int(given) if given.isdecimal() and len(given) < 4 else FIRST_ROWS
        return min(max(count, 1) + (1 if self.wants_row else 0), MOST_CONDITIONS)

    @property
    def rows(self) -> list[Row]:
        return [
            Row(n + 1, self[f"{n}-kind"], self[f"{n}-name"], self[f"{n}-value"]) for n in range(self.count)
        ]

    @property
    def rows_name(self) -> str:
        """What the number of rows is posted as."""
        return self.add_prefix("rows")

    @property
    def more_name(self) -> str:
        """What the button for another row is posted as."""
        return self.add_prefix("more")

    @property
    def may_grow(self) -> bool:
        return self.count < MOST_CONDITIONS

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        found = [each for number in range(self.count) if (each := self._condition(number, values))]
        self._rule = Rule(tuple(found), any=values.get("match") == "any")
        if found and values.get("always"):
            self.add_error("always", _("There are conditions: empty their rows, or uncheck this."))
        if not (found or self.errors or values.get("always")):
            self.add_error("always", _("Write a condition, or say that there is to be none."))
        return values

    def _condition(self, number: int, values: dict[str, Any]) -> Condition | None:
        """The condition of a row; None for an empty one, and for one that is wrong, which is said then."""
        kind = values.get(f"{number}-kind")
        name, value = (values.get(f"{number}-{part}") or "" for part in ("name", "value"))
        if not kind:
            if kind == "" and (name or value):
                self.add_error(f"{number}-kind", _("Choose what this is about, or empty the row."))
            return None
        fact, test = Fact(kind.split(":")[0]), Test(kind.split(":")[1])
        if fact in NAMED and not name:
            self.add_error(f"{number}-name", _("Name the action or the variable, as the platform calls it."))
        if test in COMPARING and (why := _wrong(fact, value)):
            self.add_error(f"{number}-value", why)
        if self.errors:
            return None
        return Condition(
            fact,
            test,
            name if fact in NAMED else "",
            _stored_value(fact, value) if test in COMPARING else "",
        )

    @property
    def rule(self) -> dict[str, Any]:
        """What to store of the valid form: {} where the action is sent after every call."""
        return self._rule.as_json()


def _fields(number: int) -> dict[str, forms.Field]:
    return {
        f"{number}-kind": forms.ChoiceField(
            label=gettext_lazy("What"), choices=[("", "–"), *_choices()], required=False
        ),
        f"{number}-name": forms.CharField(
            label=gettext_lazy("Name"), required=False, max_length=MOST_CHARACTERS
        ),
        f"{number}-value": forms.CharField(
            label=gettext_lazy("Value"), required=False, max_length=MOST_CHARACTERS
        ),
    }


def _choices() -> Iterator[tuple[str, Any]]:
    return ((f"{fact}:{test}", words[0]) for fact, tests in TESTS.items() for test, words in tests.items())


def _initial(rule: Rule) -> dict[str, str]:
    initial = {"match": "any" if rule.any else "all"}
    for number, each in enumerate(rule.conditions):
        initial[f"{number}-kind"] = f"{each.fact}:{each.test}"
        initial[f"{number}-name"] = each.name
        initial[f"{number}-value"] = str(DIRECTIONS.get(each.value, each.value))
    return initial


def _wrong(fact: Fact, value: str) -> str:
    """Why a value cannot be compared with; "" where it can."""
    if not value:
        return _("Say what to compare it with.")
    if fact == Fact.DURATION and not (value.isascii() and value.isdecimal() and len(value) < 7):
        return _("Write a whole number of seconds.")
    if fact == Fact.DIRECTION and not _direction(value):
        words = {name: str(each) for name, each in DIRECTIONS.items()}
        return _("Write %(inbound)s or %(outbound)s.") % words
    return ""


def _stored_value(fact: Fact, value: str) -> str:
    return _direction(value) if fact == Fact.DIRECTION else value


def _direction(value: str) -> str:
    """The direction that a word means, as it is stored or in the reader's language; "" for none."""
    named = {str(words).casefold(): name for name, words in DIRECTIONS.items()}
    return named.get(value.casefold()) or (value.casefold() if value.casefold() in DIRECTIONS else "")
