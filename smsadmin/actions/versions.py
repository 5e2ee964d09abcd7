"""The versions of an action: what each said, what changed from one to the next, and making an old one new again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from smsadmin.actions import describe, saving
from smsadmin.actions.forms import ActionForm, initial_of
from smsadmin.actions.models import Action, ActionVersion
from smsadmin.core.ids import first_uuid7
from smsadmin.dashboard.pages import render_page
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

NEWEST = 20  # shown on the action's own page
PER_PAGE = 50
MOST_COUNTED = 20_000
#: Processes remember the current version for a moment, and their clocks may differ.
_SLACK = timedelta(minutes=1)


class RestoreForm(forms.Form):
    """What is said of a version that does again what an older one did."""

    note = forms.CharField(label=gettext_lazy("Why it is restored"), max_length=150, required=False)
    base = forms.IntegerField(widget=forms.HiddenInput)


# --- The history --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A version in the history, and the fields in which it differs from the one before it."""

    version: ActionVersion
    changed: Sequence[describe.Words]


def history(action: Action, start: int = 0, count: int = NEWEST) -> list[Entry]:
    """The action's versions, newest first, from the `start`-th on."""
    found = list(_newest_first(action)[start : start + count + 1])
    entries = [Entry(version, describe.changed(before, version)) for version, before in pairwise(found)]
    return entries if len(found) > count else entries + [Entry(first, ()) for first in found[-1:]]


def _newest_first(action: Action) -> QuerySet[ActionVersion]:
    return action.versions.select_related("created_by").order_by("-number")


@require_GET
@viewer_required
def versions(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Every version of an action."""
    shown = get_object_or_404(Action, pk=pk, workspace=request.workspace)
    page = Paginator(_newest_first(shown), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "action": shown,
        "page": page,
        "history": history(shown, (page.number - 1) * PER_PAGE, PER_PAGE),
    }
    return render_page(request, "actions/versions.html", context)


# --- One version ----------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@viewer_required
def version(request: WorkspaceRequest, pk: int, number: int) -> HttpResponse:
    """One version, read by everybody; editors make it the current one again."""
    action = get_object_or_404(Action, pk=pk, workspace=request.workspace)
    shown = get_object_or_404(_with_names(action.versions.all()), number=number)
    if request.method == "POST":
        return _restore(request, shown)
    return _version_page(request, shown)


@editor_required
def _restore(request: WorkspaceRequest, shown: ActionVersion) -> HttpResponse:
    form = RestoreForm(request.POST)
    if not form.is_valid():
        return _version_page(request, shown, form)
    note, base = form.cleaned_data["note"], form.cleaned_data["base"]
    checked = ActionForm(request.workspace, shown.action, data=_as_posted(shown, note, base))
    if not checked.is_valid():
        return _version_page(request, shown, form, problems=_problems(checked))
    values = checked.cleaned_data
    try:
        is_new = saving.change(
            shown.action, values["name"], checked.config(), values["note"], request.user, base
        )
    except saving.SavedMeanwhile as other:
        return _version_page(request, shown, _rebased(note, other.current), theirs=other.current)
    _tell(request, shown, base + 1 if is_new else base, is_new)
    return redirect("action", shown.action_id)


def _tell(request: WorkspaceRequest, shown: ActionVersion, current: int, is_new: bool) -> None:
    numbers = {"number": shown.number, "current": current}
    if is_new:
        words = _("Version %(number)d is restored: it is version %(current)d now.")
    else:
        words = _("Version %(number)d does the same as the current version %(current)d: nothing was saved.")
    messages.success(request, words % numbers)


def _as_posted(version: ActionVersion, note: str, base: int) -> dict[str, Any]:
    """What the editor would post, had somebody typed this version into it."""
    restored = _("Restored from version %(number)d") % {"number": version.number}
    values = initial_of(version.action, version)
    return values | {"note": f"{restored}: {note}" if note else restored, "base": base}


def _problems(form: ActionForm) -> list[tuple[describe.Words, str]]:
    """Why the editor would not save this now: (field, sentences)."""
    return [(form[name].label, " ".join(map(str, errors))) for name, errors in form.errors.items()]


def _rebased(note: str, current: ActionVersion) -> RestoreForm:
    """The same wish on top of what somebody else has saved: repeating it is then a decision."""
    return RestoreForm({"note": note, "base": current.number})


def _version_page(
    request: WorkspaceRequest,
    shown: ActionVersion,
    form: RestoreForm | None = None,
    *,
    problems: Sequence[tuple[describe.Words, str]] = (),
    theirs: ActionVersion | None = None,
) -> HttpResponse:
    """The page of a version; a `form` is one that was posted and is not done (422)."""
    all_versions = _with_names(shown.action.versions.all())
    current = all_versions.latest("number")
    before = all_versions.filter(number=shown.number - 1).first()
    after = all_versions.filter(number=shown.number + 1).first()
    context = {
        "action": shown.action,
        "version": shown,
        "described": describe.described(shown),
        "current": current,
        "before": before,
        "after": after,
        "since_before": describe.differences(before, shown) if before else [],
        "until_now": describe.differences(shown, current),
        "sent": sent_with(shown, after),
        "form": form or RestoreForm(initial={"base": current.number}),
        "problems": problems,
        "theirs": theirs,
        "next_number": current.number + 1,
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "actions/version.html", context, status=422 if form else 200)


def _with_names(versions: QuerySet[ActionVersion]) -> QuerySet[ActionVersion]:
    return versions.select_related("action__workspace", "sender_number", "send_as_agent", "created_by")


@dataclass(frozen=True, slots=True)
class Sent:
    """How many messages a version made, at most MOST_COUNTED of them counted, and the log of its time."""

    count: int
    capped: bool
    url: str


def sent_with(version: ActionVersion, after: ActionVersion | None) -> Sent:
    """The messages of a version, looked for in the time between it and the one `after` it."""
    start, end = version.created_at, after.created_at if after else None
    found = Message.objects.filter(
        workspace=version.action.workspace, action=version.action_id, pk__gte=first_uuid7(start - _SLACK)
    )
    if end:
        found = found.filter(pk__lt=first_uuid7(end + _SLACK))
    count = found.filter(version=version)[: MOST_COUNTED + 1].count()
    until = {"until": end} if end else {}
    url = log_url(action=version.action_id, since=start, **until)
    return Sent(min(count, MOST_COUNTED), count > MOST_COUNTED, url)
