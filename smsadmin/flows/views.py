"""Choosing how a flow begins, and the editor. What a button posts in `do` decides what becomes of the text."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from smsadmin.dashboard.pages import render_page
from smsadmin.flows import masking, presenters, reading, saving, versions
from smsadmin.flows.changes import differences
from smsadmin.flows.forms import FlowForm, ImportForm
from smsadmin.flows.models import Flow, FlowRun, FlowVersion
from smsadmin.privacy.masking import MASK
from smsadmin.workspaces import typed as typed_before
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

NEWEST_RUNS = 5

#: What a flow that is written from scratch begins with.
EMPTY = "branches:\n  inbound-call:\n    actions:\n"


# --- A new flow -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@editor_required
def new(request: WorkspaceRequest) -> HttpResponse:
    """A new flow: first how it begins, then its editor, with ?starter=KEY or ?copy=ID already filled in."""
    if request.method == "POST":
        return _imported(request) if request.POST.get("do") == "import" else _posted(request, None)
    if kept := typed_before.taken(request):
        messages.info(request, _("You were signed out before this was saved. What you had typed is back."))
        return _typed_page(request, None, kept)
    initial = _beginning(request)
    if initial is None:
        return _choice(request, ImportForm())
    return _page(request, None, FlowForm(request.workspace, initial=initial))


def _beginning(request: WorkspaceRequest) -> dict[str, str] | None:
    """What the editor opens with; None where the reader has yet to choose."""
    copied, starter = request.GET.get("copy", ""), request.GET.get("starter", "")
    if copied.isdecimal() and len(copied) < 19:
        original = _own(request, int(copied))
        name = saving.free_name(request.workspace, _("Copy of %(name)s") % {"name": original.name})
        return {"name": name, "source": original.current.source if original.current else ""}
    if starter == "empty":
        return {"source": EMPTY}
    found = next((each for each in presenters.starters() if each.key == starter), None)
    if found is None:
        return None
    return {"name": saving.free_name(request.workspace, found.name), "source": found.source}


def _imported(request: WorkspaceRequest) -> HttpResponse:
    """The editor with what was brought along; nothing is saved yet."""
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _choice(request, form, status=422)
    messages.info(request, _("The flow is imported into the form below. Nothing is saved yet."))
    name = form.suggested_name and saving.free_name(request.workspace, form.suggested_name)
    initial = {"name": name, "source": form.source}
    return _page(request, None, FlowForm(request.workspace, initial=initial))


def _choice(request: WorkspaceRequest, form: ImportForm, status: int = 200) -> HttpResponse:
    context = {"form": form, "starters": presenters.starters()}
    return render_page(request, "flows/new.html", context, status=status)


# --- The editor -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@viewer_required
def flow(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One flow: read by everybody, changed by editors; ?from=N fills the form from an older version."""
    shown = _own(request, pk)
    if request.method == "POST":
        return _changed(request, shown)
    if kept := typed_before.taken(request):
        messages.info(request, _("You were signed out before this was saved. What you had typed is back."))
        return _typed_page(request, shown, kept)
    return _page(request, shown, FlowForm(request.workspace, shown, initial=_initial(request, shown)))


def _initial(request: WorkspaceRequest, shown: Flow) -> dict[str, Any]:
    current = shown.current
    source = current.source if current else ""
    if (number := request.GET.get("from", "")).isdecimal() and len(number) < 10:
        older = get_object_or_404(shown.versions, number=int(number))
        source = older.source
        if older != current:
            words = _("The form is filled in from version %(number)d. Nothing is saved yet.")
            messages.info(request, words % {"number": older.number})
    source = masking.for_reader(source, request.member)
    return {"name": shown.name, "source": source, "base": current.number if current else 0}


@editor_required
def _changed(request: WorkspaceRequest, shown: Flow) -> HttpResponse:
    do = request.POST.get("do", "save")
    return DEEDS[do](request, shown) if do in DEEDS else _posted(request, shown)


def _posted(request: WorkspaceRequest, shown: Flow | None) -> HttpResponse:
    if request.POST.get("do", "save") == "save":
        return _save(request, shown)
    fragment = "flows/_checked.html" if request.POST["do"] == "live" else None
    return _typed_page(request, shown, request.POST, fragment)


def _save(request: WorkspaceRequest, shown: Flow | None) -> HttpResponse:
    """Makes the next version; a text with errors is not saved, and nothing that was typed is lost (422)."""
    data, theirs = request.POST.copy(), None
    form = FlowForm(request.workspace, shown, data=data)
    if form.is_valid() and not presenters.checked(form.typed).errors:
        try:
            return _saved(request, shown, form)
        except saving.NameTaken as taken:
            form.add_error("name", str(taken))
        except saving.SavedMeanwhile as other:
            theirs, data["base"] = other.current, str(other.current.number)
            form = FlowForm(request.workspace, shown, data=data)
            form.full_clean()
    return _page(request, shown, form, status=422, theirs=theirs)


def _saved(request: WorkspaceRequest, shown: Flow | None, form: FlowForm) -> HttpResponse:
    values = form.cleaned_data
    name, source, note = values["name"], values["source"], values["note"]
    if shown is None:
        made = saving.create(request.workspace, name, source, note, request.user)
        words = _(
            "“%(name)s” is saved as version 1. It is off: try it with a sample call, then switch it on."
        )
        messages.success(request, words % {"name": made.name})
        return redirect("flow", made.pk)
    base = values["base"] or 0
    if saving.change(shown, name, source, note, request.user, base):
        messages.success(request, _("Saved as version %(number)d.") % {"number": base + 1})
    else:
        words = _("Saved. Its steps are the same as before, so there is no new version.")
        messages.success(request, words)
    return redirect("flow", shown.pk)


def _typed_page(
    request: WorkspaceRequest, shown: Flow | None, typed: QueryDict, fragment: str | None = None
) -> HttpResponse:
    """The page as it was typed; whether it could be saved is not said yet, but what is wrong with the text is."""
    initial = {name: typed[name] for name in FlowForm.base_fields if name in typed}
    return _page(request, shown, FlowForm(request.workspace, shown, initial=initial), fragment=fragment)


# --- What is done to the flow as a whole ----------------------------------------------------------------


def _switched_on(request: WorkspaceRequest, shown: Flow) -> HttpResponse:
    current = presenters.checked(shown.current.source if shown.current else "")
    if found := presenters.obstacles(shown, current, list(shown.starts.all())):
        messages.error(request, " ".join([_("It stays off."), *(each.sentence for each in found)]))
    else:
        saving.switch(shown, on=True)
        _announce(request, shown)
    return redirect("flow", shown.pk)


def _switched_off(request: WorkspaceRequest, shown: Flow) -> HttpResponse:
    saving.switch(shown, on=False)
    _announce(request, shown)
    return redirect("flow", shown.pk)


def _archived(request: WorkspaceRequest, shown: Flow) -> HttpResponse:
    saving.archive(shown)
    _announce(request, shown)
    return redirect("flow", shown.pk)


def _brought_back(request: WorkspaceRequest, shown: Flow) -> HttpResponse:
    saving.bring_back(shown)
    _announce(request, shown)
    return redirect("flow", shown.pk)


DEEDS = {"on": _switched_on, "off": _switched_off, "archive": _archived, "back": _brought_back}


def _announce(request: WorkspaceRequest, shown: Flow) -> None:
    """Says on the next page what a flow's state is now."""
    words = {
        "on": _("“%(name)s” is on."),
        "off": _("“%(name)s” is off: nothing starts it but a sample call."),
        "archived": _("“%(name)s” is archived: it is off, and only the list of archived flows shows it."),
    }
    messages.success(request, words[presenters.state_of(shown)] % {"name": shown.name})


# --- The page -------------------------------------------------------------------------------------------


def _page(
    request: WorkspaceRequest,
    shown: Flow | None,
    form: FlowForm,
    *,
    status: int = 200,
    fragment: str | None = None,
    theirs: FlowVersion | None = None,
) -> HttpResponse:
    checked = presenters.checked(form.typed)
    context = {
        "form": form,
        "flow": shown,
        "url": reverse("flow", args=[shown.pk]) if shown else reverse("flow-new"),
        "checked": checked,
        "unsaved": status == 422,
        "theirs": theirs,
        "differences": differences(theirs.source, form.typed) if theirs else [],
        "next_version": (shown.current.number if shown and shown.current else 0) + 1,
        "typed_by": typed_before.mark(request),
        "may_edit": request.member.may(Role.EDITOR),
        "may_run": request.member.may(Role.OPERATOR),
        "is_masked": MASK in form.typed,
    }
    if shown and fragment is None:
        context |= _about(request, shown, checked)
    return render_page(request, "flows/edit.html", context, fragment=fragment, status=status)


def _about(request: WorkspaceRequest, shown: Flow, typed: presenters.Checked) -> dict[str, Any]:
    """What the page tells of a saved flow below its editor, which holds what is `typed`."""
    starts = list(shown.starts.select_related("number"))
    newest = FlowRun.objects.filter(flow=shown).defer("context", "effects", "steps").order_by("-pk")
    source = shown.current.source if shown.current else ""
    saved = typed if source == typed.source else presenters.checked(source)
    return {
        "starts": [presenters.start_words(start) for start in starts],
        "carrier": presenters.carrier_words(shown),
        "obstacles": presenters.obstacles(shown, saved, starts),
        "recent": presenters.run_rows(reading.for_reader(newest[:NEWEST_RUNS], request.member)),
        "history": versions.newest_first(shown)[: versions.NEWEST],
    }


def _own(request: WorkspaceRequest, pk: int) -> Flow:
    found = Flow.objects.select_related("current", "connection", "sender")
    return get_object_or_404(found, pk=pk, workspace=request.workspace)
