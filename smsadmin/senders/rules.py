"""What each country makes of sender names: a table that is shipped, and what a workspace knows better.

AWS End User Messaging help: supported countries for sender IDs, registration forms. What no page that was read says is
marked as assumed. Twilio help, error 21709, and the help of sms.to name the forms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smsadmin.cache import remembered
from smsadmin.core import countries
from smsadmin.senders.models import Approval, CountryRule

Names = CountryRule.Names

AWS = _("AWS help: sender IDs")
TWILIO = _("Twilio help: error 21709")
SMS_TO = _("sms.to help: sender ID")
ASSUMED = _("assumed")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a country takes. `sources` are who says so, none for a workspace's own rule."""

    country: str
    names: str = Names.ALLOWED
    gsm_only: bool = False
    note: str | Promise = ""
    sources: tuple[Promise, ...] = ()
    is_ours: bool = False

    @property
    def words(self) -> str:
        return str(Names(self.names).label)


_UNSUPPORTED = {"US": AWS, "CA": AWS, "CN": AWS, "PR": ASSUMED, "KR": ASSUMED}
_REGISTERED = (
    *("AU", "AT", "BY", "EG", "FI", "IN", "ID", "IE", "JO", "KZ"),
    *("KE", "KW", "PH", "QA", "RU", "SA", "SG", "ES", "LK", "TH"),
)
_FORMS = {
    "SA": (_("A name for promotions ends in “-AD”."), TWILIO),
    "AE": (_("A name for promotions begins with “AD-”."), SMS_TO),
    "JO": (_("A name for promotions begins with “ADV”."), SMS_TO),
    "KW": (_("A name for promotions has “AD” in it."), SMS_TO),
    "MX": (_("No spaces in the name."), SMS_TO),
    "RU": (_("No spaces in the name."), SMS_TO),
    "CU": (_("Letters alone, all of them capitals or all of them small."), SMS_TO),
}


def _shipped() -> dict[str, Rule]:
    found = {code: Rule(code, Names.UNSUPPORTED, sources=(source,)) for code, source in _UNSUPPORTED.items()}
    found |= {code: Rule(code, Names.REGISTERED, sources=(AWS,)) for code in _REGISTERED}
    for code, (note, source) in _FORMS.items():
        known = found.get(code, Rule(code))
        found[code] = replace(known, note=note, sources=(*known.sources, source))
    return found


#: What is shipped, by country; any other takes names in any alphabet, as far as is known here.
SHIPPED: Mapping[str, Rule] = _shipped()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a workspace knows: its own rules by country, and how far each name's approval is, by sender and country."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    approvals: Mapping[tuple[int, str], str] = field(default_factory=dict)

    def rule(self, country: str) -> Rule:
        """What holds for texts to the country."""
        return self.rules.get(country) or shipped(country)

    def approval(self, number_id: int, country: str) -> str:
        """How far the approval of a sender is there; "" where nobody asked for one."""
        return self.approvals.get((number_id, country), "")


def shipped(country: str) -> Rule:
    """What the shipped table says of the country."""
    return SHIPPED.get(country) or Rule(country)


def own(found: CountryRule) -> Rule:
    """A workspace's own rule as the others are."""
    return Rule(found.country, found.names, found.gsm_only, found.note, is_ours=True)


def of(workspace_id: int) -> Standing:
    """What the workspace knows, at most settings.CONFIGURATION_TTL seconds old."""
    return remembered(("sender rules", workspace_id), lambda: read(workspace_id))


def read(workspace_id: int) -> Standing:
    """What the workspace knows at this moment."""
    ours = CountryRule.objects.filter(workspace=workspace_id)
    approvals = Approval.objects.filter(sender__workspace=workspace_id)
    return Standing(
        rules={each.country: own(each) for each in ours},
        approvals={
            (number, country): state
            for number, country, state in approvals.values_list("sender__number", "country", "state")
        },
    )


def table(standing: Standing, language: str) -> list[tuple[str, Rule]]:
    """Every country with a rule, shipped or ours, by its name."""
    found = [standing.rule(country) for country in {*SHIPPED, *standing.rules}]
    named = [(countries.name(rule.country, language), rule) for rule in found]
    return sorted(named, key=lambda each: each[0])
