"""The actions' pages: the list, and one page to create, edit, switch and look back."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin.actions import saving
from smsadmin.actions.forms import PHONE_PROPERTIES, ActionForm, SwitchForm, initial_of, token_problem
from smsadmin.actions.models import Action, ActionVersion
from smsadmin.core import numbers, segments, tokens
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import LEFT, TROUBLE
from smsadmin.dashboard.pages import render_page
from smsadmin.sending.check import MOST_CHARACTERS
from smsadmin.sending.models import Message
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

COUNTED_DAYS = 7
MOST_VERSIONS = 50
REFILTER = "refilter"  # the button that stands in for htmx


@require_GET
@viewer_required
def actions(request: WorkspaceRequest) -> HttpResponse:
    """Every action with its state, its last change and what became of its recent messages."""
    found = Action.objects.filter(workspace=request.workspace).order_by("name")
    listed = list(found.select_related("current__sender_number", "current__created_by"))
    counts = _counts(request.workspace)
    rows = [(each, counts[each.pk]) for each in listed]
    context = {"rows": rows, "days": COUNTED_DAYS, "may_edit": request.member.may(Role.EDITOR)}
    return render_page(request, "actions/list.html", context)


@require_http_methods(["GET", "POST"])
@editor_required
def new(request: WorkspaceRequest) -> HttpResponse:
    """A new action; what is wrong is said beside the fields and nothing is saved (422)."""
    if request.method == "GET":
        return _form_page(request, ActionForm(request.workspace))
    if REFILTER in request.POST:
        return _form_page(request, _unsaved(request))
    form = ActionForm(request.workspace, data=request.POST)
    if form.is_valid():
        try:
            values = form.cleaned_data
            saved = saving.create(
                request.workspace, values["name"], form.config(), values["note"], request.user
            )
        except saving.NameTaken:
            form.add_error("name", _("Another action has this name: choose a different one."))
        else:
            messages.success(request, _("“%(name)s” is saved as version 1.") % {"name": saved.name})
            return redirect("action", saved.pk)
    return _form_page(request, form, status=422)


@require_http_methods(["GET", "POST"])
@viewer_required
def action(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One action: read by everybody, changed by editors."""
    shown = _own(request, pk)
    if request.method == "POST":
        return _change(request, shown)
    return _form_page(request, ActionForm(request.workspace, shown, initial=initial_of(shown)), shown)


@editor_required
def _change(request: WorkspaceRequest, shown: Action) -> HttpResponse:
    if REFILTER in request.POST:
        return _form_page(request, _unsaved(request, shown), shown)
    form, theirs = ActionForm(request.workspace, shown, data=request.POST), None
    if form.is_valid():
        try:
            return _saved(request, shown, form)
        except saving.NameTaken:
            form.add_error("name", _("Another action has this name: choose a different one."))
        except saving.SavedMeanwhile as other:
            theirs = other.current
            form = _rebased(request, shown, theirs)
    return _form_page(request, form, shown, status=422, theirs=theirs)


def _saved(request: WorkspaceRequest, shown: Action, form: ActionForm) -> HttpResponse:
    values = form.cleaned_data
    number = values["base"] or 0
    if saving.change(shown, values["name"], form.config(), values["note"], request.user, number):
        messages.success(request, _("Saved as version %(number)d.") % {"number": number + 1})
    else:
        messages.success(request, _("Saved. It does the same as before, so there is no new version."))
    return redirect("action", shown.pk)


def _rebased(request: WorkspaceRequest, shown: Action, theirs: ActionVersion) -> ActionForm:
    """The same values, on top of what somebody else has saved: saving again is then a decision."""
    data = request.POST.copy()
    data["base"] = str(theirs.number)
    form = ActionForm(request.workspace, shown, data=data)
    form.full_clean()
    return form


@require_POST
@editor_required
def switch(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Switches an action on, or off with a reason."""
    shown = _own(request, pk)
    if request.POST.get("on") == "1":
        saving.switch(shown, on=True)
        messages.success(request, _("“%(name)s” is on.") % {"name": shown.name})
        return redirect("action", pk)
    form = SwitchForm(request.POST)
    if not form.is_valid():
        page = ActionForm(request.workspace, shown, initial=initial_of(shown))
        return _form_page(request, page, shown, status=422, switch_form=form)
    saving.switch(shown, on=False, reason=form.cleaned_data["reason"])
    messages.success(request, _("“%(name)s” is off: its messages are refused.") % {"name": shown.name})
    return redirect("action", pk)


@require_POST
@editor_required
def choices(request: WorkspaceRequest) -> HttpResponse:
    """For htmx: number and user as they fit together after a choice."""
    return render_page(request, "actions/_sender.html", {"form": _unsaved(request), "swapped": True})


@require_POST
@editor_required
def measure(request: WorkspaceRequest) -> HttpResponse:
    """For htmx: length, encoding and segments of what is being typed."""
    return render_page(request, "actions/_measure.html", {"text": measured(request.POST.get("message", ""))})


def _unsaved(request: WorkspaceRequest, shown: Action | None = None) -> ActionForm:
    """What was typed so far, unchecked, with the users of the number chosen now."""
    typed = {name: value for name, value in request.POST.items() if name in ActionForm.base_fields}
    form = ActionForm(request.workspace, shown, initial=typed)
    form.refilter()
    return form


@dataclass(frozen=True, slots=True)
class Measured:
    """A template's literal text as an SMS, its tokens, and what is wrong with it."""

    measure: segments.Measure
    names: list[str]
    problem: str
    forcing: list[str]  # the characters that keep it out of GSM-7

    @property
    def too_long(self) -> bool:
        return self.measure.characters > MOST_CHARACTERS


def measured(template: str) -> Measured:
    """Counts a template: tokens count for nothing yet, as their values are not known."""
    problem, found = "", []
    try:
        parts = tokens.parse(template)
        found = list(dict.fromkeys(part.raw for part in parts if isinstance(part, tokens.Token)))
        template = "".join(part for part in parts if isinstance(part, str))
    except tokens.TemplateError as error:
        problem = token_problem(error)
    measure = segments.measure(segments.normalise(template))
    forcing = list(dict.fromkeys(character for _place, character in measure.forcing))[:10]
    return Measured(measure, found, problem, forcing)


def _own(request: WorkspaceRequest, pk: int) -> Action:
    found = Action.objects.select_related(
        "current__sender_number", "current__send_as_agent", "current__created_by"
    )
    return get_object_or_404(found, pk=pk, workspace=request.workspace)


def _counts(workspace: Workspace) -> dict[int, Counter[str]]:
    """Messages of the last days by action and outcome, in one query bounded by their time-ordered ids."""
    since = first_uuid7(timezone.now() - timedelta(days=COUNTED_DAYS))
    recent = Message.objects.filter(workspace=workspace, id__gte=since, action__isnull=False)
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for row in recent.values("action", "status").annotate(count=Count("id")).order_by():
        counts[row["action"]][_outcome(row["status"])] += row["count"]
    return counts


def _outcome(status: str) -> str:
    return "sent" if status in LEFT else "trouble" if status in TROUBLE else "open"


def _form_page(
    request: WorkspaceRequest,
    form: ActionForm,
    shown: Action | None = None,
    *,
    status: int = 200,
    theirs: ActionVersion | None = None,
    switch_form: SwitchForm | None = None,
) -> HttpResponse:
    history = shown.versions.select_related("created_by").order_by("-number")[:MOST_VERSIONS] if shown else []
    context = {
        "form": form,
        "action": shown,
        "theirs": theirs,
        "differences": _differences(form, theirs) if theirs else [],
        "history": history,
        "switch_form": switch_form or SwitchForm(),
        "text": measured(form["message"].value() or ""),
        "phone_properties": PHONE_PROPERTIES,
        "may_edit": request.member.may(Role.EDITOR),
        "next_version": (shown.current.number if shown and shown.current else 0) + 1,
        "sandbox": settings.SANDBOX,
        "action_url": _action_url(shown) if shown else "",
        "enrol_command": _enrol_command(shown) if shown else "",
    }
    return render_page(request, "actions/edit.html", context, status=status)


def _action_url(shown: Action) -> str:
    return f"{settings.BASE_URL}{reverse('hubspot-send-sms')}?action={shown.pk}"


def _enrol_command(shown: Action) -> str:
    """What runs the action in the sandbox of this very copy, ready to be pasted into a shell."""
    usual = {"SANDBOX_PORT": 8001, "DATA_DIR": settings.ROOT / "data"}
    moved = {name: getattr(settings, name) for name in usual if getattr(settings, name) != usual[name]}
    prefix = [f"{name}={shlex.quote(str(value))}" for name, value in moved.items()]
    command = f".venv/bin/python manage.py enrol --workflow {shlex.quote(shown.name)} --records 5"
    return " ".join([*prefix, command])


def _differences(form: ActionForm, theirs: ActionVersion) -> list[tuple[str, str, str]]:
    """Where a valid form and somebody else's version differ: (field, theirs, yours)."""
    yours = ActionVersion(action=theirs.action, **form.config())
    both = zip(described(theirs), described(yours), strict=True)
    return [(label, one, other) for (label, one), (_label, other) in both if one != other]


def described(version: ActionVersion) -> Iterable[tuple[str, str]]:
    """What a version does: (field, words)."""
    number, agent = version.sender_number, version.send_as_agent
    yield _("Record type"), version.get_object_type_display()
    yield (
        _("Send from"),
        f"{number.name} ({numbers.pretty(number.e164)})" if number else version.sender_property,
    )
    yield (
        _("Send as"),
        str(agent) if agent else version.send_as_property or version.get_send_as_kind_display(),
    )
    yield _("Recipient"), version.recipient_property
    yield _("Message"), version.message
