"""What an agent may use: an action attached, how it is used, tried without sending, and taken away again."""

from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from smsadmin.actions import calls as values
from smsadmin.actions.models import Action
from smsadmin.actions.trying import row_of
from smsadmin.agents import advice, presenters, running, saving, tools
from smsadmin.agents.after.forms import RuleForm
from smsadmin.agents.forms import AddForm, AttachmentForm, AttachToForm, TryForm
from smsadmin.agents.models import AIAgent, Attachment
from smsadmin.agents.running import CallFacts
from smsadmin.agents.views import own
from smsadmin.dashboard.pages import render_page
from smsadmin.sending import explain
from smsadmin.sending.filters import AGENT
from smsadmin.workspaces.access import editor_required, operator_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

#: In a call that is only tried.
SAMPLE_CALL = "rehearsal"


@require_http_methods(["GET", "POST"])
@editor_required
def attach(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """An action for an agent to use: which, by ?action=ID, and how."""
    agent = own(request, pk)
    chosen = AddForm(request.workspace, data=request.GET)
    if not chosen.is_valid():
        context = {"agent": agent, "form": chosen if request.GET else AddForm(request.workspace)}
        return render_page(request, "agents/attach.html", context, status=422 if request.GET else 200)
    action = Action.objects.select_related("current").get(pk=chosen.cleaned_data["action"].pk)
    made = Attachment(
        agent=agent,
        workspace=request.workspace,
        action=action,
        tool_name=saving.free_tool_name(agent, action),
    )
    return _form(request, made)


@require_http_methods(["GET", "POST"])
@viewer_required
def attachment(request: WorkspaceRequest, pk: int, tool_pk: int) -> HttpResponse:
    """How an agent uses an action: read by everybody, changed by editors."""
    return _form(request, _own(request, pk, tool_pk))


def _form(request: WorkspaceRequest, shown: Attachment) -> HttpResponse:
    if request.method == "POST":
        return _posted(request, shown)
    stored = shown.rule if shown.when == Attachment.When.AFTER else None
    return _page(request, shown, AttachmentForm(shown), RuleForm(initial=stored))


@editor_required
def _posted(request: WorkspaceRequest, shown: Attachment) -> HttpResponse:
    """Saves it, unless a button asked for another row of the rule or for advice; what is wrong is said (422)."""
    before, is_new = shown.tool_name, shown.pk is None
    form, rule = AttachmentForm(shown, data=request.POST), RuleForm(data=request.POST)
    do = request.POST.get("do", "")
    if rule.wants_row or do == "check":
        fragment = "agents/_attachment_advice.html" if do == "check" else None
        return _page(request, shown, form, rule, fragment=fragment)
    is_after = request.POST.get("when") == Attachment.When.AFTER
    if form.is_valid() and (not is_after or rule.is_valid()):
        made = form.filled()
        made.rule = rule.rule if is_after else {}
        try:
            with transaction.atomic():
                made.save()
        except IntegrityError:  # by a second click
            form.add_error("tool_name", saving.tool_problem(made.agent, made.tool_name))
        else:
            _tell(request, made, before, is_new)
            return redirect("ai-agent", made.agent_id)
    return _page(request, shown, form, rule, status=422)


def _tell(request: WorkspaceRequest, made: Attachment, before: str, is_new: bool) -> None:
    told = {"action": made.action.name, "agent": made.agent.name, "old": before, "new": made.tool_name}
    if is_new:
        words = _("“%(action)s” is attached to %(agent)s. Set it up at its platform next: see below.")
        messages.success(request, words % told)
    elif before != made.tool_name:
        words = _(
            "Saved. The tool is called %(new)s now: %(agent)s's platform may still know it as %(old)s, which is "
            "refused. Set it up there again."
        )
        messages.warning(request, words % told)
    else:
        messages.success(request, _("How %(agent)s uses “%(action)s” is saved.") % told)


def _page(
    request: WorkspaceRequest,
    shown: Attachment,
    form: AttachmentForm,
    rule: RuleForm,
    *,
    status: int = 200,
    fragment: str | None = None,
) -> HttpResponse:
    saved = Attachment.objects.filter(pk=shown.pk).first() if shown.pk else None
    context: dict[str, Any] = {
        "agent": shown.agent,
        "attachment": shown,
        "saved_name": saved.tool_name if saved else "",
        "form": form,
        "rule": rule,
        "advice": advice.advise(form.effective),
        "examples": advice.EXAMPLES,
        "shown": presenters.of(shown) if saved and not form.is_bound else None,
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "agents/attachment.html", context, fragment=fragment, status=status)


@require_POST
@editor_required
def switch(request: WorkspaceRequest, pk: int, tool_pk: int) -> HttpResponse:
    """On or off for this agent alone. What has no rule yet is not switched on: its page asks for one."""
    shown = _own(request, pk, tool_pk)
    shown.enabled = request.POST.get("do") == "on"
    if shown.enabled and presenters.lacks_rule(shown):
        messages.warning(
            request, _("It has no rule yet, so it stays off. Write here after which calls it is sent.")
        )
        return redirect("attachment", pk, tool_pk)
    shown.save(update_fields=["enabled"])
    told = {"action": shown.action.name, "agent": shown.agent.name}
    if shown.enabled:
        messages.success(request, _("%(agent)s may use “%(action)s” from now on.") % told)
    else:
        messages.success(request, _("%(agent)s may not use “%(action)s” from now on.") % told)
    return redirect("ai-agent", pk)


@require_http_methods(["GET", "POST"])
@editor_required
def remove(request: WorkspaceRequest, pk: int, tool_pk: int) -> HttpResponse:
    """Asks, then takes an action away from an agent."""
    shown = _own(request, pk, tool_pk)
    if request.method == "POST":
        told = {"action": shown.action.name, "agent": shown.agent.name}
        shown.delete()
        messages.success(request, _("“%(action)s” is no longer attached to %(agent)s.") % told)
        return redirect("ai-agent", pk)
    return render_page(request, "agents/remove.html", {"agent": shown.agent, "attachment": shown})


# --- Tried without sending ------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@operator_required
def try_tool(request: WorkspaceRequest, pk: int, tool_pk: int) -> HttpResponse:
    """What a use of the tool would be answered now, with arguments that are typed. Nothing is sent or counted."""
    shown = _own(request, pk, tool_pk)
    if shown.action.current is None:
        messages.info(request, presenters.obstacle(shown))
        return redirect("ai-agent", pk)
    tool = tools.of(shown)
    form = TryForm(tool, _examples(shown), data=request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"agent": shown.agent, "attachment": shown, "tool": tool, "form": form}
    if form.is_valid():
        context |= _tried(request, shown, form)
    status = 422 if form.is_bound and not form.is_valid() else 200
    return render_page(request, "agents/try.html", context, status=status)


def _tried(request: WorkspaceRequest, shown: Attachment, form: TryForm) -> dict[str, Any]:
    answer, rehearsal = running.rehearse(
        shown.agent, shown, form.arguments, CallFacts(SAMPLE_CALL, party=form.number)
    )
    if rehearsal is None:
        return {"answer": answer}
    row = row_of(request.workspace.pk, rehearsal)
    row.trigger = AGENT
    return {
        "answer": answer,
        "row": row,
        "steps": explain.trace(row),
        "why": explain.sentence(row),
        "fix": explain.fix(row),
    }


def _examples(shown: Attachment) -> dict[str, str]:
    """What the fields begin with: the examples that the agent gets, else what such a value may look like."""
    assert shown.action.current
    settled = tools.said(shown, shown.action.current)
    found = {
        setting.name: setting.example or values.likely(need.label)
        for need, setting in settled.items()
        if setting.source == "agent"
    }
    return {**found, tools.TO: values.likely(values.PHONE)}


# --- From the action's side -----------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@editor_required
def attach_to(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """An action for several agents at once, each with the action's own condition."""
    actions = Action.objects.filter(workspace=request.workspace, archived_at=None, current__isnull=False)
    action = get_object_or_404(actions.select_related("current"), pk=pk)
    form = AttachToForm(request.workspace, action, data=request.POST if request.method == "POST" else None)
    if form.is_valid():
        made = saving.attach(list(form.cleaned_data["agents"]), action)
        words = ngettext(
            "“%(action)s” is attached to %(n)d agent. Set it up at its platform next: its page shows how.",
            "“%(action)s” is attached to %(n)d agents. Set it up at their platforms next: their pages show how.",
            len(made),
        )
        messages.success(request, words % {"action": action.name, "n": len(made)})
        return redirect("action", pk)
    context = {
        "action": action,
        "form": form,
        "advice": advice.advise(action.current.condition if action.current else ""),
        "has_agents": AIAgent.objects.filter(workspace=request.workspace, archived_at=None).exists(),
        "is_free": form.fields["agents"].queryset.exists(),  # type: ignore[attr-defined]
    }
    return render_page(request, "agents/attach_to.html", context, status=422 if form.is_bound else 200)


def _own(request: WorkspaceRequest, pk: int, tool_pk: int) -> Attachment:
    found = Attachment.objects.select_related("agent__workspace", "action__current")
    return get_object_or_404(found, pk=tool_pk, agent=pk, workspace=request.workspace)
