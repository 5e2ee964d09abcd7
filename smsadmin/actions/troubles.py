"""Actions that can no longer send, before their next message fails: a number or user they name is gone or not offered.

Judged live, by the very steps of a send: a trouble is there with the refresh that finds it, and gone when it is
mended. A number or user that a property names is known only when a record comes, so it is not judged here.
"""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from smsadmin.actions.models import Action, ActionVersion
from smsadmin.core import errors
from smsadmin.core.message import Record, SendRequest
from smsadmin.directory import book, facts
from smsadmin.directory.models import Number
from smsadmin.sending import resolve
from smsadmin.sending.resolve import Draft, DraftStep
from smsadmin.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that keeps an action from sending. `badge` says it in two or three words, `url` is where it is
    mended and `link` what the link there says."""

    action: Action
    badge: str
    problem: str
    fix: str
    url: str
    link: str


def troubles(workspace: Workspace) -> list[Trouble]:
    """What keeps the workspace's actions from sending, by action."""
    sending = Action.objects.filter(workspace=workspace, enabled=True)
    return [
        trouble for action in sending.select_related("current").order_by("name") for trouble in of(action)
    ]


def of(action: Action) -> list[Trouble]:
    """What keeps one action from sending; nothing for one that is off, as archived ones are."""
    version = action.current
    if version is None or not action.enabled:
        return []
    if version.sender_kind != ActionVersion.SenderKind.NUMBER:
        return []
    draft = _draft(action, version)
    error = _refusal(draft, resolve.sender, resolve.eligible)
    found = [_of_number(action, draft.number, error)] if error else []
    # A number that is gone has lost its users too: that says nothing more.
    has_users = draft.number is not None and not draft.number.gone_at
    if version.send_as_kind == ActionVersion.SendAsKind.USER and has_users:
        error = _refusal(draft, resolve.send_as)
        found += [_of_user(action, draft, error)] if error else []
    return found


def _draft(action: Action, version: ActionVersion) -> Draft:
    """A message of the action to nobody: the steps that look at the directory alone need no record."""
    ask = SendRequest(action.workspace_id, "", "", version.config(), Record(version.object_type))
    return Draft(ask, book.of(action.workspace_id))


def _refusal(draft: Draft, *steps: DraftStep) -> errors.SendError | None:
    try:
        for step in steps:
            step(draft)
    except errors.SendError as error:
        return error
    return None


def _of_number(action: Action, number: Number | None, error: errors.SendError) -> Trouble:
    if number is None:
        return _to_be_chosen(action, error, "id_sender")
    if number.gone_at:
        problem = _("%(number)s is no longer in Aircall.") % {"number": number.name}
        fix = _("Choose another number in the action, or add this one to the account again.")
        return Trouble(action, _("Number gone"), problem, fix, *_in_the_action(action, "id_sender"))
    why_not, _fix = facts.why_not(number)
    problem = _("%(number)s is not offered: %(why)s") % {"number": number.name, "why": why_not}
    url = reverse("number", args=[number.pk]) + "#facts"
    return Trouble(action, _("Number not offered"), problem, _(error.fix), url, _("Open the number"))


def _of_user(action: Action, draft: Draft, error: errors.SendError) -> Trouble:
    agent = draft.book.agents.get(draft.ask.config.send_as_user_id or 0)
    if agent is None or draft.number is None:
        return _to_be_chosen(action, error, "id_send_as")
    names = {"user": agent.name, "number": draft.number.name}
    place = _in_the_action(action, "id_send_as")
    if agent.gone_at:
        problem = _("%(user)s is no longer a user in Aircall.") % names
        fix = _("Choose another user in the action, or add this one in Aircall again.")
        return Trouble(action, _("User gone"), problem, fix, *place)
    problem = _("%(user)s is no longer on %(number)s.") % names
    fix = _("Choose another user in the action, or add this one to the number in Aircall.")
    return Trouble(action, _("User not on number"), problem, fix, *place)


def _to_be_chosen(action: Action, error: errors.SendError, field: str) -> Trouble:
    """The action names nothing that the directory knows."""
    problem = errors.fill(_(error.text), error.facts)
    return Trouble(action, _("Incomplete"), problem, _(error.fix), *_in_the_action(action, field))


def _in_the_action(action: Action, field: str) -> tuple[str, str]:
    return f"{reverse('action', args=[action.pk])}#{field}", _("Edit the action")
