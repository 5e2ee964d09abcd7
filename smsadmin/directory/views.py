"""The directory's pages: numbers and why each is offered or not, users, and how fresh all that is."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.db.models import F, Prefetch, QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import cache
from smsadmin.dashboard.pages import render_page
from smsadmin.directory import bell, country, facts, freshness, rows
from smsadmin.directory.checklist import checklist
from smsadmin.directory.forms import AgentFilter, ConfirmForm, FactsForm, NumberFilter, columns, state
from smsadmin.directory.models import Agent, Number, SenderKind
from smsadmin.quotas.models import Scope
from smsadmin.workspaces.access import editor_required, operator_required, viewer_required
from smsadmin.workspaces.models import Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

PER_PAGE = 50
#: The order of both lists: what is gone comes last.
HERE_FIRST = (F("gone_at").asc(nulls_first=True), "name", "pk")


@require_GET
@viewer_required
def directory(request: WorkspaceRequest) -> HttpResponse:
    """Every number, and why it is offered or not; htmx asks for the rows alone."""
    return _numbers_page(request, request.GET)


@require_POST
@editor_required
def confirm(request: WorkspaceRequest) -> HttpResponse:
    """Sets what an admin knows for several numbers in one step."""
    chosen = NumberFilter(request.POST)
    form = ConfirmForm(chosen.apply(_numbers(request.workspace)), request.POST)
    if not form.is_valid():
        return _numbers_page(request, request.POST, form, status=422)
    with transaction.atomic():
        count = form.save()
    cache.forget()
    messages.success(request, _confirmed(request.workspace, count))
    return _back(request, "numbers")


def _confirmed(workspace: Workspace, count: int) -> str:
    """What a bulk edit did, and what comes next once nothing is left to confirm."""
    numbers = Number.objects.filter(workspace=workspace)
    offered = numbers.filter(facts.OFFERED).count()
    done = ngettext("Set for %(count)d number.", "Set for %(count)d numbers.", count) % {"count": count}
    now = ngettext("%(count)d is offered now.", "%(count)d are offered now.", offered) % {"count": offered}
    if numbers.filter(facts.UNCONFIRMED).exists() or rows.actions(workspace).exists():
        return f"{done} {now}"
    link = format_html('<a href="{}">{}</a>', reverse("action-new"), _("Create the first action"))
    return format_html("{} {} {}", done, now, link)


@require_POST
@editor_required
def mend(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The button beside one failing condition of one number: answers it the way that lets the number be offered."""
    shown = get_object_or_404(Number, pk=pk, workspace=request.workspace, gone_at=None)
    criterion = facts.BY_NAME.get(request.POST.get("fact", ""))
    if criterion is None:
        raise Http404
    state(shown, criterion.name, criterion.answer)
    shown.save(update_fields=columns([criterion.name]))
    cache.forget()
    if criterion.answer == facts.ASK:
        return _asked_again(request, shown)
    messages.success(request, _mended(shown))
    return _back(request, f"number-{pk}" if _is_listed(request, shown) else "numbers")


def _mended(number: Number) -> str:
    why_not, _fix = facts.why_not(number)
    said = (
        _("%(name)s is still not offered: %(why)s") % {"name": number.name, "why": why_not}
        if why_not
        else _("%(name)s is offered now.") % {"name": number.name}
    )
    undo = format_html(
        '<a href="{}#facts">{}</a>', reverse("number", args=[number.pk]), _("Change the facts")
    )
    return format_html("{} {}", said, undo)


def _asked_again(request: WorkspaceRequest, number: Number) -> HttpResponse:
    """Gives the number's messaging mode back to Aircall; a refresh asks for it first."""
    if not bell.ring([number.connection_id]):
        said = _("%(name)s is asked about with the next refresh: the queue (broker) cannot be reached now.")
        messages.warning(request, said % {"name": number.name})
        return _back(request, f"number-{number.pk}")
    said = _("Aircall is asked about %(name)s with the refresh that begins now.")
    messages.success(request, said % {"name": number.name})
    return _back(request, "freshness", asked=_now())


def _back(request: WorkspaceRequest, place: str, **more: str) -> HttpResponseRedirect:
    """To the list as it was filtered and paged when its form was sent."""
    page = request.POST.get("page", "")
    paged = {"page": page} if page.isdecimal() else {}
    return redirect(_address("directory", place, NumberFilter(request.POST).chosen | paged | more))


def _address(name: str, place: str, query: dict[str, str]) -> str:
    """A list as it is narrowed and paged, at a place of its page: what a browser without JavaScript goes to."""
    return reverse(name) + (f"?{urlencode(query)}" if query else "") + f"#{place}"


def _turned(name: str, place: str, page: Page[Any], chosen: dict[str, str]) -> dict[str, str]:
    """The addresses of the pages before and after this one, "" where there is none."""
    before = page.number - 1 if page.has_previous() else 0
    after = page.number + 1 if page.has_next() else 0
    return {
        key: _address(name, place, {**chosen, "page": str(number)}) if number else ""
        for key, number in (("before", before), ("after", after))
    }


def _is_listed(request: WorkspaceRequest, number: Number) -> bool:
    chosen = NumberFilter(request.POST)
    return chosen.apply(_numbers(request.workspace)).filter(pk=number.pk).exists()


@require_http_methods(["GET", "POST"])
@viewer_required
def number(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One number: its four facts with their sources, its users, quotas, failures and actions; editors set the facts."""
    shown = get_object_or_404(Number.objects.select_related("connection"), pk=pk, workspace=request.workspace)
    if request.method == "POST" and shown.kind == SenderKind.PHONE:
        return _set_facts(request, shown)
    return _number_page(request, shown, FactsForm(shown))


@editor_required
def _set_facts(request: WorkspaceRequest, shown: Number) -> HttpResponse:
    form = FactsForm(shown, request.POST)
    if not form.is_valid():
        return _number_page(request, shown, form, status=422)
    changed = form.save()
    cache.forget()
    messages.success(request, _("The facts are set.") if changed else _("Nothing was changed."))
    return redirect("number", shown.pk)


@require_GET
@viewer_required
def agents(request: WorkspaceRequest) -> HttpResponse:
    """Aircall's users: the numbers they may send from, their segments, and the actions that send as them."""
    chosen, workspace = AgentFilter(request.GET), request.workspace
    named = Prefetch("numbers", Number.objects.order_by("name", "pk"), to_attr="numbers_by_name")
    everyone = Agent.objects.filter(workspace=workspace).order_by(*HERE_FIRST)
    found = chosen.apply(everyone).prefetch_related(named)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        **_turned("directory-users", "users", page, chosen.chosen),
        "rows": rows.agent_rows(workspace, list(page), timezone.now()),
        "filter": chosen,
        "connected": bool(freshness.accounts(workspace)),
    }
    return render_page(request, "directory/users.html", context, fragment="directory/_users.html")


@require_GET
@viewer_required
def agent(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One user: numbers, quotas, actions and newest messages."""
    workspace, now = request.workspace, timezone.now()
    shown = get_object_or_404(Agent.objects.select_related("connection"), pk=pk, workspace=workspace)
    context = {
        "agent": shown,
        "numbers": shown.numbers.order_by("name", "pk"),
        "cells": rows.cells(workspace, Scope.USER, shown, now),
        "actions": rows.actions(workspace).filter(current__send_as_agent=shown),
        "entries": rows.latest_sent_as(request.member, shown),
    }
    return render_page(request, "directory/user.html", context)


@require_GET
@viewer_required
def fresh(request: WorkspaceRequest) -> HttpResponse:
    """How old the mirror is; polled while a refresh runs."""
    return render_page(request, "directory/_freshness.html", {**_fresh(request), "polled": True})


@require_GET
@viewer_required
def refreshes(request: WorkspaceRequest) -> HttpResponse:
    """The newest refreshes of each account: when, how long, and what they changed or why they failed."""
    context = {"histories": freshness.histories(request.workspace), "most": freshness.MOST_LISTED}
    return render_page(request, "directory/refreshes.html", context)


@require_GET
@viewer_required
def rules(request: WorkspaceRequest) -> HttpResponse:
    """What Aircall allows from the numbers of each country, who says so, and which of the workspace's are concerned."""
    here = _numbers(request.workspace).filter(gone_at=None)
    return render_page(request, "directory/rules.html", {"covered": country.covered(here)})


@require_POST
@operator_required
def refresh(request: WorkspaceRequest) -> HttpResponse:
    """Asks the worker to refresh every account of the workspace now."""
    if not bell.ring(account.pk for account in freshness.accounts(request.workspace)):
        messages.error(
            request, _("The queue (broker) cannot be reached, so no refresh was started. Try again later.")
        )
        return redirect("directory")
    return redirect(f"{reverse('directory')}?asked={_now()}#freshness")


def _now() -> str:
    return str(int(timezone.now().timestamp()))


def _fresh(request: WorkspaceRequest) -> dict[str, Any]:
    asked = request.GET.get("asked", "")
    found = freshness.mirrors(freshness.accounts(request.workspace), asked)
    return {"mirrors": found, "asked": asked, "waiting": any(each.running or each.asked for each in found)}


def _numbers(workspace: Workspace) -> QuerySet[Number]:
    found = Number.objects.filter(facts.PHONES, workspace=workspace).select_related("connection")
    return found.defer("connection__secrets").order_by(*HERE_FIRST)


def _numbers_page(
    request: WorkspaceRequest, query: Any, form: ConfirmForm | None = None, status: int = 200
) -> HttpResponse:
    workspace, chosen = request.workspace, NumberFilter(query)
    listed = chosen.apply(_numbers(workspace))
    page = Paginator(listed, PER_PAGE).get_page(query.get("page"))
    found = _fresh(request)
    context = {
        "page": page,
        **_turned("directory", "numbers", page, chosen.chosen),
        "rows": rows.number_rows(workspace, list(page), timezone.now()),
        "filter": chosen,
        "form": form or ConfirmForm(listed),
        **found,
        "checklist": checklist(workspace, found["mirrors"]),
        "may_edit": request.member.may(Role.EDITOR),
        "may_refresh": request.member.may(Role.OPERATOR),
    }
    return render_page(
        request, "directory/numbers.html", context, fragment="directory/_numbers.html", status=status
    )


def _number_page(
    request: WorkspaceRequest, shown: Number, form: FactsForm, status: int = 200
) -> HttpResponse:
    workspace, now = request.workspace, timezone.now()
    why_not, fix = facts.why_not(shown)
    failures, entries = rows.latest_failed(request.member, shown, now)
    context = {
        "number": shown,
        "facts": facts.facts(shown),
        "rules": country.peculiar(shown),
        "why_not": why_not,
        "fix": fix,
        "agents": shown.agents.order_by("name", "pk"),
        "cells": rows.cells(workspace, Scope.NUMBER, shown, now),
        "failures": failures,
        "entries": entries,
        "actions": rows.actions(workspace).filter(current__sender_number=shown),
        "form": form,
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "directory/number.html", context, status=status)
