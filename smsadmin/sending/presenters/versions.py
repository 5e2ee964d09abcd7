"""The version a message was made with, and how its action stands now."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from smsadmin.actions import describe
from smsadmin.actions.models import Action, ActionVersion
from smsadmin.core.trace import Step
from smsadmin.sending.models import Message
from smsadmin.sending.presenters.links import Link


@dataclass(frozen=True, slots=True)
class Standing:
    """What the message was made with, and `now` what the action is today, where that is something else.

    `state` tells an action that is off, archived or gone.
    """

    action: str
    then: Link
    now: Link | None = None
    differences: Sequence[describe.Difference] = ()
    state: str = ""

    @property
    def is_current(self) -> bool:
        """Whether the version is still the one in use."""
        return bool(self.then.url) and self.now is None

    @property
    def does_the_same(self) -> bool:
        """Whether there is another version now, which does what this one did."""
        return bool(self.then.url and self.now) and not self.differences


def standing(message: Message) -> Standing | None:
    """None for a message that was configured where it was asked for."""
    action, version = message.action, message.version
    if action is None or version is None:
        return _gone(message) if action is None else _unsaved(action)
    then, state = _link(version), _state(action)
    if action.current_id is None or version.pk == action.current_id:
        return Standing(str(action), then, state=state)
    both = _with_names(version.pk, action.current_id)
    now = both[action.current_id]
    return Standing(str(action), then, _link(now), describe.differences(both[version.pk], now), state)


def _gone(message: Message) -> Standing | None:
    """The trace still knows what a deleted action was called."""
    steps = (Step.from_json(stored) for stored in message.trace)
    facts = next((step.facts for step in steps if step.say == "action.saved"), None)
    if facts is None:
        return None
    then = Link(_("Version %(number)s") % {"number": facts.get("version", "?")})
    return Standing(str(facts.get("action", "")), then, state=_("The action was deleted since."))


def _unsaved(action: Action) -> Standing:
    words = Link(_("As it stood in the form, not saved"))
    now = Link(_("the saved action"), reverse("action", args=[action.pk]))
    return Standing(str(action), words, now, state=_state(action))


def _state(action: Action) -> str:
    if action.enabled:
        return ""
    words = _("The action is archived.") if action.is_archived else _("The action is off: %(why)s")
    return words % {"why": action.why_off}


def _link(version: ActionVersion) -> Link:
    words = _("Version %(number)s") % {"number": version.number}
    return Link(words, reverse("action-version", args=[version.action_id, version.number]))


def _with_names(*ids: int) -> dict[int, ActionVersion]:
    """These versions by id, with all that describing them needs."""
    rows = ActionVersion.objects.select_related("action", "sender_number", "send_as_agent")
    return rows.in_bulk(ids)
