"""The pages of rules: which limits hold for whom, and changing them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import cache
from smsadmin.dashboard.pages import render_page
from smsadmin.quotas import rule_presenters, rules
from smsadmin.quotas.models import PriorityShare, Rule
from smsadmin.quotas.rule_forms import (
    OwnRuleForm,
    PriorityShareForm,
    ReplacementForm,
    RuleForm,
    SwitchOffForm,
    form_of,
)
from smsadmin.quotas.rules import Departure
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest


@require_GET
@viewer_required
def rule_list(request: WorkspaceRequest) -> HttpResponse:
    """Every rule, by what becomes of it now; and the priority share."""
    return _list_page(request, PriorityShareForm(instance=_share(request)))


def _list_page(request: WorkspaceRequest, form: PriorityShareForm, status: int = 200) -> HttpResponse:
    context = {
        "listing": rule_presenters.listing(request.workspace.pk, timezone.now()),
        "form": form,
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "quotas/rules/list.html", context, status=status)


def _share(request: WorkspaceRequest) -> PriorityShare:
    found = PriorityShare.objects.filter(workspace=request.workspace).first()
    return found or PriorityShare(workspace=request.workspace)


@require_POST
@editor_required
def change_share(request: WorkspaceRequest) -> HttpResponse:
    """How much of every limit stays for replies and alerting messages."""
    with transaction.atomic():
        _one_at_a_time(request)
        form = PriorityShareForm(request.POST, instance=_share(request))
        if not form.is_valid():
            return _list_page(request, form, status=422)
        saved = form.save()
    cache.forget()
    text = _("%(percent)s %% of every limit stay for replies and alerting messages.")
    messages.success(request, text % {"percent": saved.percent})
    return redirect("quota-rules")


@require_http_methods(["GET", "POST"])
@editor_required
def new_rule(request: WorkspaceRequest) -> HttpResponse:
    """A rule of the workspace's own."""
    blank = Rule(workspace=request.workspace)
    return _rule_page(request, partial(OwnRuleForm, timezone.now(), instance=blank))


@require_http_methods(["GET", "POST"])
@editor_required
def rule(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One rule; ?off=1 does nothing else than switching a binding one off."""

    def build(*data: Any) -> RuleForm:
        shown = _own(request, pk)
        form = SwitchOffForm if shown.binding and request.GET.get("off") else form_of(shown)
        return form(timezone.now(), *data, instance=shown)

    return _rule_page(request, build)


@require_http_methods(["GET", "POST"])
@editor_required
def replace(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Plans what replaces a rule from a moment in the future on."""
    return _rule_page(request, lambda *data: ReplacementForm(timezone.now(), _own(request, pk), *data))


def _rule_page(request: WorkspaceRequest, build: Callable[..., RuleForm]) -> HttpResponse:
    """The form that `build` makes of the rule as it is when that is called, and saving it."""
    if request.method == "GET":
        return _form_page(request, build())
    with transaction.atomic():
        _one_at_a_time(request)
        form = build(request.POST)
        if not form.is_valid():
            return _form_page(request, form, status=422)
        saved = form.keep(request.user)
    cache.forget()
    _tell(request, saved)
    return redirect("quota-rules")


def _form_page(request: WorkspaceRequest, form: RuleForm, status: int = 200) -> HttpResponse:
    shown, replaced = form.before, form.replaced
    context = {
        "form": form,
        "rule": shown,
        "replaced": replaced,
        "name": rule_presenters.named(replaced or shown) if replaced or shown.pk else "",
        "source": rule_presenters.source_of(shown),
        "note": rule_presenters.note_of(shown),
        "for_whom": rule_presenters.whom(shown),
    }
    return render_page(request, "quotas/rules/rule.html", context, status=status)


def _tell(request: WorkspaceRequest, saved: Rule) -> None:
    facts = {
        "rule": rule_presenters.named(saved),
        "effect": rule_presenters.effect(saved, timezone.now()),
    }
    messages.success(request, _("“%(rule)s” is saved. %(effect)s") % facts)


@require_POST
@editor_required
def switch(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Switches a rule on, or off where that needs no reason; where it does, the page of the rule asks for it."""
    with transaction.atomic():
        _one_at_a_time(request)
        shown = _own(request, pk)
        shown.enabled = request.POST.get("enabled") == "1"
        if Departure.OFF in rules.departures(shown):
            messages.warning(request, _("Nothing has changed yet: write why it is to be switched off."))
            return redirect(f"{reverse('quota-rule', args=[pk])}?off=1")
        if not rules.departures(shown):
            rules.sign(shown, request.user, timezone.now())
        shown.save(update_fields=["enabled", "reason", "reason_by", "reason_at"])
    cache.forget()
    _tell(request, shown)
    return redirect("quota-rules")


@require_POST
@editor_required
def delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Documented limits that came with smsadmin stay; they can be switched off."""
    with transaction.atomic():
        _one_at_a_time(request)
        shown = _own(request, pk)
        name = rule_presenters.named(shown)
        if shown.preset:
            text = _("“%(rule)s” is documented by the provider, so it cannot be deleted, only switched off.")
            messages.error(request, text % {"rule": name})
            return redirect("quota-rules")
        shown.delete()
    cache.forget()
    messages.success(request, _("“%(rule)s” is deleted.") % {"rule": name})
    return redirect("quota-rules")


def _own(request: WorkspaceRequest, pk: int) -> Rule:
    named = Rule.objects.select_related("number", "agent", "reason_by")
    return get_object_or_404(named, pk=pk, workspace=request.workspace)


def _one_at_a_time(request: WorkspaceRequest) -> None:
    """Taken before a rule is read that is to be changed: two people who do so at once would both find it as it was."""
    Workspace.objects.select_for_update().get(pk=request.workspace.pk)
