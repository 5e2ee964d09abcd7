"""The pages of an import from Synthflow: what there is, what would be made of it, and what was made."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from smsadmin import phrases
from smsadmin.agents import importing
from smsadmin.agents.importing_forms import ImportForm
from smsadmin.agents.importing_reading import SECONDS
from smsadmin.agents.models import AIAgent, Attachment, ImportedAction
from smsadmin.dashboard.pages import render_page
from smsadmin.providers.synthflow import client as synthflow
from smsadmin.providers.synthflow.client import Synthflow
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Connection, Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest


@require_http_methods(["GET", "POST"])
@editor_required
def imports(request: WorkspaceRequest) -> HttpResponse:
    """What an account has and what would become of it; the page that asks once more (`do` confirm); and the import
    (`do` import)."""
    accounts = _accounts(request.workspace)
    chosen = _chosen(accounts, request.GET.get("connection", ""))
    if chosen is None:
        return _page(request, {"accounts": accounts, "may_own": request.member.may(Role.OWNER)})
    context = {"accounts": accounts, "connection": chosen}
    client = synthflow.of(chosen, seconds=SECONDS)
    try:
        if request.method == "POST":
            return _posted(request, chosen, context, client)
        plan = importing.plan(chosen, client)
    except synthflow.SynthflowError as error:
        here = f"{reverse('agents-import')}?connection={chosen.pk}"
        trouble = {"trouble": phrases.translated(str(error)), "here": here}
        return _page(request, context | trouble, 200 if request.method == "GET" else 422)
    return _page(request, context | {"plan": plan, "form": ImportForm(request.workspace, plan)})


def _posted(
    request: WorkspaceRequest, connection: Connection, context: dict[str, Any], client: Synthflow
) -> HttpResponse:
    """Goes by what was read for the page that was posted; what is brought in is read once more. Raises
    SynthflowError."""
    do = request.POST.get("do", "")
    plan = importing.kept(connection) or importing.plan(connection, client)
    form = ImportForm(request.workspace, plan, request.POST)
    context = context | {"plan": plan, "form": form}
    if plan.seen != request.POST.get("seen"):
        return _changed(request, context, plan)
    if not form.is_valid() or do not in ("confirm", "import"):
        return _page(request, context, 200 if do == "back" else 422)
    if do == "confirm":
        return render_page(request, "agents/import_confirm.html", context)
    now = importing.check(connection, client, form.choices)
    try:
        done = importing.apply(connection, now, form.choices, request.user)
    except importing.Changed:
        return _changed(request, context, now)
    messages.success(request, _words(done))
    return redirect(f"{reverse('agents-import-done')}?connection={connection.pk}")


def _changed(request: WorkspaceRequest, context: dict[str, Any], plan: importing.Plan) -> HttpResponse:
    words = _("Something changed since you looked, at Synthflow or here. Nothing was brought in: look again.")
    form = ImportForm(request.workspace, plan)
    return _page(request, context | {"plan": plan, "form": form, "changed": words}, 422)


def _words(done: importing.Done) -> str:
    actions = ngettext("%(n)d action", "%(n)d actions", len(done.actions)) % {"n": len(done.actions)}
    agents = ngettext("%(n)d agent", "%(n)d agents", len(done.agents)) % {"n": len(done.agents)}
    return _("Brought in: %(actions)s and %(agents)s.") % {"actions": actions, "agents": agents}


@require_GET
@viewer_required
def import_done(request: WorkspaceRequest) -> HttpResponse:
    """What was brought in from an account, and what is left to do."""
    chosen = _chosen(_accounts(request.workspace), request.GET.get("connection", ""))
    imported = ImportedAction.objects.filter(workspace=request.workspace, connection=chosen)
    actions = imported.select_related("action").order_by("-at", "-pk")
    agents = AIAgent.objects.filter(workspace=request.workspace, connection=chosen, archived_at=None)
    waiting = Attachment.objects.filter(
        workspace=request.workspace,
        action__in=imported.values("action"),
        when=Attachment.When.AFTER,
        enabled=False,
    )
    context = {
        "connection": chosen,
        "imported": list(actions) if chosen else [],
        "agents": list(agents.order_by("name")) if chosen else [],
        "waiting": list(waiting.select_related("agent", "action").order_by("agent__name", "tool_name")),
    }
    return render_page(request, "agents/import_done.html", context)


def _accounts(workspace: Workspace) -> list[Connection]:
    found = Connection.objects.filter(workspace=workspace, kind=Connection.Kind.SYNTHFLOW)
    return list(found.select_related("workspace").order_by("name", "pk"))


def _chosen(accounts: list[Connection], given: str) -> Connection | None:
    """The account that the address names; the only one where it names none."""
    if not given:
        return accounts[0] if len(accounts) == 1 else None
    return next((each for each in accounts if str(each.pk) == given), None)


def _page(request: WorkspaceRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render_page(request, "agents/import.html", context, status=status)
