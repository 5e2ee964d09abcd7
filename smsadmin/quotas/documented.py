"""The limits that providers document, each with its source. Every workspace starts with them.

Aircall counts two budgets that hold at once: messages of its advanced Send SMS action, and segments of everything a
user or a number sends (docs/integrations/aircall.md). The national ones are switched off until a workspace chooses
them: which of them an account is under depends on its contract and registrations, which no answer of Aircall tells.
"""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from smsadmin.core.windows import Window
from smsadmin.quotas.models import Rule, Scope, Unit

ACTION = gettext_noop("Aircall help: advanced Send SMS action")
SMS_LIMITS = gettext_noop("Aircall help: SMS limits")
FRANCE = gettext_noop("Aircall help: SMS limits; French messaging limitations")
TOLL_FREE = gettext_noop("Aircall help: toll-free messaging compliance")


@dataclass(frozen=True, slots=True)
class Preset:
    """One documented limit; `key` names it for good. `note` says in English what a person should know of it.

    One that is not `enabled` from the start is not binding: a workspace chooses it.
    """

    key: str
    scope: Scope
    window: Window
    unit: Unit
    limit: int
    source: str
    country: str = ""
    line: str = ""
    route: str = ""
    enabled: bool = True
    note: str = ""


_ACTION = [
    Preset(f"action-{scope}-{window}", scope, window, Unit.MESSAGES, limit, ACTION)
    for scope in (Scope.NUMBER, Scope.USER)
    for window, limit in (
        (Window.MINUTE, 200),
        (Window.HOUR, 1_000),
        (Window.DAY, 5_000),
        (Window.MONTH, 10_000),
    )
]
_SEGMENTS = [Preset("segments-user-month", Scope.USER, Window.MONTH, Unit.SEGMENTS, 13_000, SMS_LIMITS)]


def _national(
    key: str, figures: dict[Window, int], source: str, country: str, note: str, line: str = ""
) -> list[Preset]:
    return [
        Preset(
            f"{key}-{window}",
            Scope.NUMBER,
            window,
            Unit.SEGMENTS,
            limit,
            source,
            country=country,
            line=line,
            route="aircall",
            enabled=False,
            note=note,
        )
        for window, limit in figures.items()
    ]


_FRANCE = _national(
    "france-mobile",
    {Window.HOUR: 100, Window.DAY: 1_000, Window.MONTH: 10_000},
    FRANCE,
    "FR",
    gettext_noop("Over it the carrier suspends the number for three months, the next time for good."),
    line="mobile",
)
_NORTH_AMERICA = [
    preset
    for country in ("US", "CA")
    for preset in _national(
        f"api-{country.lower()}",
        {Window.HOUR: 1_000, Window.DAY: 10_000, Window.MONTH: 100_000},
        SMS_LIMITS,
        country,
        gettext_noop(
            "By API, third-party messaging or HubSpot. That 100,000 is a month's figure is read from the context."
        ),
    )
]
_PENDING = [
    preset
    for country in ("US", "CA")
    for preset in _national(
        f"toll-free-{country.lower()}",
        {Window.DAY: 2_000, Window.MONTH: 10_000},
        TOLL_FREE,
        country,
        gettext_noop(
            "While its verification is pending, to the United States. 6,000 a week are a limit too, which is not "
            "counted here; to Canada nothing is sent."
        ),
        line="toll_free",
    )
]

PRESETS = (*_ACTION, *_SEGMENTS, *_FRANCE, *_NORTH_AMERICA, *_PENDING)


def ship_rules(workspace_id: int) -> None:
    """Gives a workspace the documented limits; those it has stay as they are."""
    Rule.objects.bulk_create([_rule(workspace_id, preset) for preset in PRESETS], ignore_conflicts=True)


def translated(text: str) -> str:
    """A source or note of these in the reader's language; rules store them in English."""
    return _(text) if text else ""  # of an empty text gettext gives the head of the catalogue


def _rule(workspace_id: int, preset: Preset) -> Rule:
    return Rule(
        workspace_id=workspace_id,
        preset=preset.key,
        documented=preset.limit,
        binding=preset.enabled,
        **{
            name: getattr(preset, name)
            for name in (
                "scope", "window", "unit", "limit", "source", "country", "line", "route", "enabled", "note",
            )
        },
    )  # fmt: skip
