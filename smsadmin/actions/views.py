"""The page on which an action is made and changed. What a button posts in `do` decides what becomes of the form."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from smsadmin.actions import composer, managing, saving, troubles, versions
from smsadmin.actions.describe import Difference, differences
from smsadmin.actions.editor import Editor, editor_url, token_rows
from smsadmin.actions.fields import with_sent_line_ends
from smsadmin.actions.forms import ActionForm, SwitchForm, initial_of
from smsadmin.actions.models import Action, ActionVersion, ObjectType
from smsadmin.actions.standing import standing
from smsadmin.actions.usage import usage
from smsadmin.agents import presenters as agents
from smsadmin.classic import proposals
from smsadmin.classic.models import ClassicStep
from smsadmin.crm import properties
from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.trials import sending as trials
from smsadmin.workspaces import typed as typed_before
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

#: What a button does: of the action shown, if any, with what follows the colon of its `do`.
Part = Callable[[WorkspaceRequest, Action | None, str], HttpResponse]

#: Tells the page that the form was changed by the server, so that the preview must be worked out again.
RECOMPOSE = {"HX-Trigger-After-Settle": "recompose"}


@require_http_methods(["GET", "POST"])
@editor_required
def new(request: WorkspaceRequest) -> HttpResponse:
    """A new action; with ?copy=ID it begins as another one is, with ?classic=ID as a step of the classic action."""
    if request.method == "POST":
        return _posted(request, None)
    return _opened(request, None, _beginning(request))


@require_http_methods(["GET", "POST"])
@viewer_required
def action(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One action: read by everybody, changed by editors; ?from=N fills the form from an older version."""
    shown = _own(request, pk)
    if request.method == "POST":
        return _changed(request, shown)
    initial = initial_of(shown)
    if (number := request.GET.get("from", "")).isdecimal() and len(number) < 10:
        older = get_object_or_404(shown.versions, number=int(number))
        initial |= {**initial_of(shown, older), "base": initial["base"]}
        if older != shown.current:
            words = _("The form is filled in from version %(number)d. Nothing is saved yet.")
            messages.info(request, words % {"number": older.number})
    return _opened(request, shown, initial)


@editor_required
def _changed(request: WorkspaceRequest, shown: Action) -> HttpResponse:
    return _posted(request, shown)


def _posted(request: WorkspaceRequest, shown: Action | None) -> HttpResponse:
    do, _colon, what = request.POST.get("do", "save").partition(":")
    if do == "save":
        return _save(request, shown)
    return PARTS.get(do, _again)(request, shown, what)


# --- Opening and saving -------------------------------------------------------------------------------


def _beginning(request: WorkspaceRequest) -> dict[str, Any]:
    if copied := _named_by(request, "copy"):
        original = _own(request, copied)
        name = saving.copy_name(request.workspace, original.name)
        return {**initial_of(original), "name": name, "base": None}
    if replaced := _named_by(request, "classic"):
        steps = ClassicStep.objects.select_related("number", "agent")
        step = get_object_or_404(steps, pk=replaced, workspace=request.workspace)
        messages.info(
            request,
            _(
                "The form is filled in from the classic step, but for its text: write it with tokens, because HubSpot "
                "tells it with a customer's values only. Check the recipient's property. Nothing is saved yet."
            ),
        )
        return proposals.beginning(step)
    return {"object_type": ObjectType.CALL} if request.GET.get("type") == ObjectType.CALL else {}


def _named_by(request: WorkspaceRequest, name: str) -> int | None:
    """The id in the query, if there is one."""
    given = request.GET.get(name, "")
    return int(given) if given.isdecimal() and len(given) < 19 else None


def _opened(request: WorkspaceRequest, shown: Action | None, initial: dict[str, Any]) -> HttpResponse:
    if kept := typed_before.taken(request):
        messages.info(request, _("You were signed out before this was saved. What you had typed is back."))
        return _page(request, shown, _unsaved(request, shown, _filled_in(kept)), looks=False)
    return _page(request, shown, ActionForm(request.workspace, shown, initial=initial), looks=False)


def _save(request: WorkspaceRequest, shown: Action | None) -> HttpResponse:
    """Makes the next version; what is wrong is said beside the fields and nothing is saved (422)."""
    data, theirs = _filled_in(request.POST), None
    form = ActionForm(request.workspace, shown, data=data)
    if form.is_valid():
        try:
            return _saved(request, shown, form)
        except saving.NameTaken as taken:
            form.add_error("name", str(taken))
        except saving.SavedMeanwhile as other:
            theirs = other.current
            form = _rebased(request, shown, data, theirs)
    return _page(request, shown, form, status=422, theirs=theirs)


def _saved(request: WorkspaceRequest, shown: Action | None, form: ActionForm) -> HttpResponse:
    values = form.cleaned_data
    if shown is None:
        made = saving.create(request.workspace, values["name"], form.config(), values["note"], request.user)
        if values["classic_step"]:
            proposals.replaced(values["classic_step"], made)
        messages.success(request, _("“%(name)s” is saved as version 1.") % {"name": made.name})
        return redirect("action", made.pk)
    base = values["base"] or 0
    if saving.change(shown, values["name"], form.config(), values["note"], request.user, base):
        messages.success(request, _("Saved as version %(number)d.") % {"number": base + 1})
    elif values["note"]:
        words = _("It does the same as before, so there is no new version, and the note was not kept.")
        messages.info(request, words)
    else:
        messages.success(request, _("Saved. It does the same as before, so there is no new version."))
    return redirect("action", shown.pk)


def _rebased(
    request: WorkspaceRequest, shown: Action | None, data: QueryDict, theirs: ActionVersion
) -> ActionForm:
    """The same values, on top of what somebody else has saved: saving again is then a decision."""
    data["base"] = str(theirs.number)
    form = ActionForm(request.workspace, shown, data=data)
    form.full_clean()
    return form


# --- What the other buttons do; htmx gets the part that changed, a browser without it the whole page --


def _again(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    """The page as it was typed, worked out anew."""
    return _part(request, shown, request.POST, None)


def _refiltered(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    """Number and user as they fit together after a choice; of another record type, all that lists properties too.

    What the page lists decides that, not which choice was made: a newer choice takes the place of one that is not
    answered yet.
    """
    if request.POST.get("listed_type") != request.POST.get("object_type"):
        return _relisted(request, shown)
    return _part(request, shown, request.POST, "actions/_sender.html", RECOMPOSE, swapped=True)


def _reread(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    """A property was just made in HubSpot."""
    properties.expire(request.workspace)
    return _relisted(request, shown)


def _relisted(request: WorkspaceRequest, shown: Action | None) -> HttpResponse:
    return _part(request, shown, request.POST, "actions/_properties.html", RECOMPOSE, swapped=True)


def _live(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    """What the form as it stands would send, and what keeps it from being saved."""
    return _part(request, shown, request.POST, "actions/_live.html")


def _found(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    return _part(request, shown, request.POST, "actions/_records.html")


def _tokens(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    return _part(request, shown, request.POST, "actions/_token_list.html")


def _inserted(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    """Without scripts nobody knows where the cursor was: at the end."""
    return _rewritten(request, shown, lambda message: message + what)


def _replaced(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    return _rewritten(request, shown, composer.with_replacements)


def _fallen_back(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    return _rewritten(request, shown, lambda message: message)


def _rewritten(
    request: WorkspaceRequest, shown: Action | None, rewrite: Callable[[str], str]
) -> HttpResponse:
    data = _filled_in(request.POST)
    data["message"] = rewrite(data.get("message", ""))
    return _part(request, shown, data, "actions/_message.html", RECOMPOSE)


def _filled_in(typed: QueryDict) -> QueryDict:
    """What was posted, with what the table of tokens says of empty values written into the text."""
    data = typed.copy()
    message = with_sent_line_ends(data.get("message"))
    data["message"] = composer.with_fallbacks(message, token_rows(typed))
    return data


def _tested(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    """A real text from the form as it stands to a test number."""
    typed = _filled_in(request.POST)
    form = ActionForm(request.workspace, shown, data=typed)
    editor = Editor(request.workspace, shown, form, typed)
    given = request.POST.get("test_number", "")
    number = next((each for each in editor.test_numbers if str(each.pk) == given), None)
    told: dict[str, Any] = {"test_number": number}
    if number is None:
        told["test_problem"] = _("Choose one of the test numbers.")
    elif editor.tried.record is None:
        told["test_problem"] = editor.tried.problem
    else:
        told["test_message"] = trials.send_test(
            request.workspace,
            request.user,
            number,
            editor.config,
            editor.tried.record,
            token=request.POST.get("test_key") or trials.new_token(),
            action=shown,
            name=editor.name,
        )
    return _part(request, shown, request.POST, "actions/_test.html", **told)


def _off(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
    """Switches off beside a form that may hold unsaved changes: they stay in it."""
    if shown is None:
        return _again(request, shown, what)
    switch_form = SwitchForm(request.POST)
    if not switch_form.is_valid():
        form = _unsaved(request, shown, _filled_in(request.POST))
        return _page(request, shown, form, status=422, switch_form=switch_form)
    managing.switch_off(request, shown, switch_form.cleaned_data["reason"])
    return _switched(request, shown)


def _deed(deed: Callable[[WorkspaceRequest, Action], None]) -> Part:
    """What is done to the action as a whole, beside a form that may hold unsaved changes."""

    def done(request: WorkspaceRequest, shown: Action | None, what: str) -> HttpResponse:
        if shown is None:
            return _again(request, shown, what)
        deed(request, shown)
        return _switched(request, shown)

    return done


def _switched(request: WorkspaceRequest, shown: Action) -> HttpResponse:
    """The action's page; the form as it was typed, if it holds anything that is not saved."""
    typed = _filled_in(request.POST)
    if ActionForm(request.workspace, shown, data=typed).is_as_saved():
        return redirect("action", shown.pk)
    messages.info(request, _("Your changes below are still here, and not saved yet."))
    return _page(request, shown, _unsaved(request, shown, typed))


PARTS: dict[str, Part] = {
    "refilter": _refiltered,
    "reread": _reread,
    "live": _live,
    "preview": _again,
    "find": _found,
    "tokens": _tokens,
    "insert": _inserted,
    "replace": _replaced,
    "fallbacks": _fallen_back,
    "test": _tested,
    "off": _off,
    "on": _deed(managing.switch_on),
    "archive": _deed(managing.archive),
    "back": _deed(managing.bring_back),
}


def _part(
    request: WorkspaceRequest,
    shown: Action | None,
    data: QueryDict,
    fragment: str | None,
    headers: dict[str, str] | None = None,
    **told: Any,
) -> HttpResponse:
    if not wants_fragment(request):  # the whole page shows the text too
        data = _filled_in(data)
    form = _unsaved(request, shown, data)
    response = _page(request, shown, form, fragment=fragment, data=data, **told)
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def _unsaved(request: WorkspaceRequest, shown: Action | None, data: Mapping[str, Any]) -> ActionForm:
    """What was typed so far, with the users of the number chosen now; what is wrong with it is not said yet."""
    typed = {name: data[name] for name in ActionForm.base_fields if name in data}
    form = ActionForm(request.workspace, shown, initial=typed)
    form.refilter()
    return form


def _page(
    request: WorkspaceRequest,
    shown: Action | None,
    form: ActionForm,
    *,
    status: int = 200,
    fragment: str | None = None,
    looks: bool = True,
    data: Mapping[str, Any] | None = None,
    theirs: ActionVersion | None = None,
    switch_form: SwitchForm | None = None,
    swapped: bool = False,
    **told: Any,
) -> HttpResponse:
    form.post_to(editor_url(shown))
    typed = data or request.POST or form.initial
    editor = Editor(request.workspace, shown, form, typed, looks=looks, **told)
    context = {
        "editor": editor,
        "form": form,
        "url": editor.url,
        "action": shown,
        "swapped": swapped,
        "theirs": theirs,
        "differences": _differences(form, theirs) if theirs else [],
        "switch_form": switch_form or SwitchForm(initial={"reason": typed.get("reason", "")}),
        "typed_by": typed_before.mark(request),
        "may_edit": request.member.may(Role.EDITOR),
    }
    if shown and not (fragment and wants_fragment(request)):
        context |= _about(shown)
    return render_page(request, "actions/edit.html", context, fragment=fragment, status=status)


def _about(shown: Action) -> dict[str, Any]:
    """What the page tells of a saved action beside its form."""
    return {
        "standing": standing(shown),
        "troubles": troubles.of(shown),
        "history": versions.history(shown),
        "usage": usage(shown),
        "holders": agents.holders(shown),
        "sandbox": settings.SANDBOX,
        "action_url": f"{settings.BASE_URL}{reverse('hubspot-send-sms')}?action={shown.pk}",
        "enrol_command": _enrol_command(shown),
    }


def _enrol_command(shown: Action) -> str:
    """What runs the action in the sandbox of this very copy, ready to be pasted into a shell."""
    usual = {"SANDBOX_PORT": 8001, "DATA_DIR": settings.ROOT / "data"}
    moved = {name: getattr(settings, name) for name in usual if getattr(settings, name) != usual[name]}
    prefix = [f"{name}={shlex.quote(str(value))}" for name, value in moved.items()]
    command = f".venv/bin/python manage.py enrol --workflow {shlex.quote(shown.name)} --records 5"
    return " ".join([*prefix, command])


def _own(request: WorkspaceRequest, pk: int) -> Action:
    found = Action.objects.select_related(
        "current__sender_number", "current__send_as_agent", "current__created_by"
    )
    return get_object_or_404(found, pk=pk, workspace=request.workspace)


def _differences(form: ActionForm, theirs: ActionVersion) -> list[Difference]:
    """Where somebody else's version and a valid form differ: theirs before, the form's after."""
    return differences(theirs, ActionVersion(action=theirs.action, **form.config()))
