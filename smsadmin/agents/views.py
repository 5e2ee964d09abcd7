"""An agent: made, shown with what it may use and how its platform is set up, changed, and done away with."""

from typing import Any

from django.conf import settings as installation
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from smsadmin.actions.models import Action
from smsadmin.agents import calls, presenters, rendering, saving
from smsadmin.agents.forms import AddForm, AgentForm, AgentSettingsForm
from smsadmin.agents.models import AIAgent
from smsadmin.dashboard.pages import render_page
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

NEWEST_CALLS = 5


# --- A new agent ----------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
@editor_required
@sensitive_variables("token")
def new(request: WorkspaceRequest) -> HttpResponse:
    """A new agent. Its page follows, with the token that is shown this once: that is no redirect, or the token would
    have to be kept for it; sent once more, the agent exists already."""
    form = AgentForm(request.workspace, data=request.POST if request.method == "POST" else None)
    if form.is_valid():
        signing = form.cleaned_data["signing"]
        try:
            agent, token = saving.create(request.workspace, form.columns, request.user, signing=signing)
        except saving.NameTaken as taken:  # by a second click
            form.add_error("name", str(taken))
        else:
            return _page(request, agent, token=token)
    context = {"form": form}
    return render_page(request, "agents/new.html", context, status=422 if form.is_bound else 200)


# --- Its page -------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@viewer_required
def agent(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One agent: read by everybody, changed by editors."""
    shown = own(request, pk)
    return _changed(request, shown) if request.method == "POST" else _page(request, shown)


@editor_required
def _changed(request: WorkspaceRequest, shown: AIAgent) -> HttpResponse:
    """What a button posts in `do`: on, off, archive or back."""
    do = request.POST.get("do", "")
    if do in ("on", "off"):
        saving.switch(shown, on=do == "on")
    elif do == "archive":
        saving.archive(shown)
    elif do == "back":
        saving.bring_back(shown)
    words = {
        "on": _("“%(name)s” is on: it may have texts sent from now on."),
        "off": _("“%(name)s” is off: what it asks for is refused, with a sentence that it can say."),
        "archived": _("“%(name)s” is archived: it is off, and only the list of archived agents shows it."),
    }
    messages.success(request, words[presenters.state_of(shown)] % {"name": shown.name})
    return redirect("ai-agent", shown.pk)


@sensitive_variables("token")
def _page(request: WorkspaceRequest, shown: AIAgent, *, token: str = "") -> HttpResponse:
    attached = presenters.attached(shown, token)
    newest = calls.rows_of(request, calls.newest_of(shown, NEWEST_CALLS))
    context: dict[str, Any] = {
        "agent": shown,
        "state": presenters.state_of(shown),
        "token": token,
        "attached": attached,
        "add": AddForm(request.workspace),
        "has_actions": Action.objects.filter(workspace=request.workspace, archived_at=None).exists(),
        "recent": newest,
        "end_address": presenters.end_address(shown),
        "end_proof": presenters.end_proof(shown),
        "end_doubt": presenters.end_doubt(shown),
        "end_tone": "warning" if any(each.is_after for each in attached) else "info",
        "mcp_address": presenters.mcp_address(),
        "mcp": presenters.mcp_configuration(token),
        "no_token": rendering.NO_TOKEN,
        "is_signed": bool(shown.secrets.get("signing")),
        "may_sign": shown.platform in saving.SIGNING,
        "base_is_local": installation.BASE_URL.startswith("http://"),
        "may_try": request.member.may(Role.OPERATOR),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "agents/agent.html", context)


@require_http_methods(["GET", "POST"])
@editor_required
def settings(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What an agent is called, runs on and speaks, and how its platform signs."""
    shown = own(request, pk)
    form = AgentSettingsForm(
        request.workspace, shown, data=request.POST if request.method == "POST" else None
    )
    if form.is_valid():
        try:
            saving.change(shown, form.columns, signing=form.cleaned_data.get("signing", ""))
        except saving.NameTaken as taken:
            form.add_error("name", str(taken))
        else:
            messages.success(request, _("The settings of “%(name)s” are saved.") % {"name": shown.name})
            return redirect("ai-agent", pk)
    context = {"agent": own(request, pk), "form": form}
    return render_page(request, "agents/settings.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@never_cache
@editor_required
@sensitive_variables("token")
def token(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Asks, then gives the agent a new token: the present one is refused from then on."""
    shown = own(request, pk)
    if request.method == "POST":
        return _page(request, shown, token=saving.new_token(shown))
    return render_page(request, "agents/token.html", {"agent": shown})


@require_http_methods(["GET", "POST"])
@editor_required
def delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Asks, then deletes an agent with what it may use and its calls; messages stay in the log."""
    shown = own(request, pk)
    if request.method == "POST":
        shown.delete()
        messages.success(
            request, _("“%(name)s” is deleted. Its messages stay in the log.") % {"name": shown.name}
        )
        return redirect("ai-agents")
    context = {"agent": shown, "calls": shown.calls.count(), "tools": shown.attachments.count()}
    return render_page(request, "agents/delete.html", context)


def own(request: WorkspaceRequest, pk: int) -> AIAgent:
    """An agent of the reader's workspace. Raises Http404."""
    found = AIAgent.objects.select_related("workspace", "connection", "created_by")
    return get_object_or_404(found, pk=pk, workspace=request.workspace)
