"""Webhooks that tell programs of events: the list, one with the log of what it was told, and what people do with it."""

from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import cache
from smsadmin.dashboard.housekeeping import KEPT
from smsadmin.dashboard.pages import render_page
from smsadmin.hooks import delivering, presenters, replaying, telling, watching
from smsadmin.hooks.forms import DeliveryFilter, HookForm, ReplayForm
from smsadmin.hooks.models import Hook, HookDelivery
from smsadmin.privacy.reading import sees_everything
from smsadmin.workspaces.access import editor_required, operator_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest


@require_GET
@viewer_required
def hooks(request: WorkspaceRequest) -> HttpResponse:
    """Every hook, how it stands, and what did not arrive."""
    context = {
        "rows": presenters.rows(Hook.objects.filter(workspace=request.workspace)),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "hooks/list.html", context)


@require_GET
@viewer_required
def hook(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One hook and the log of its deliveries; htmx asks for the log alone."""
    return _hook_page(request, _own(request, pk))


@sensitive_variables("secret")
def _hook_page(request: WorkspaceRequest, shown: Hook, secret: str = "") -> HttpResponse:
    now, chosen = timezone.now(), DeliveryFilter(request.GET)
    chosen.is_valid()
    told = chosen.apply(HookDelivery.objects.filter(hook=shown)).select_related("event", "hook")
    page = presenters.NEWEST_FIRST.page(told, request.GET.get("before", ""), request.GET.get("after", ""))
    lines = presenters.lines(page.rows, now, with_answers=sees_everything(request.member))
    here = reverse("hook", args=[shown.pk])
    context: dict[str, Any] = {
        "row": presenters.rows(Hook.objects.filter(pk=shown.pk))[0],
        "hook": shown,
        "secret": secret,
        "filter": chosen,
        "here": here,
        "lines": lines,
        **page.turned(here, chosen.wanted),
        "moving": any(each.delivery.is_sample and each.delivery.is_open for each in lines),
        "patience": delivering.PATIENCE.days,
        "kept": KEPT.days,
        "may_act": request.member.may(Role.OPERATOR),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "hooks/hook.html", context, fragment="hooks/_log.html")


# --- Changing -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
@editor_required
def new_hook(request: WorkspaceRequest) -> HttpResponse:
    """Another hook; the secret of a new address is in the answer, and never shown again."""
    return _form_page(request, Hook(workspace=request.workspace, created_by=request.user))


@require_http_methods(["GET", "POST"])
@never_cache
@editor_required
def edit_hook(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What a hook is told, and where; a new address has a secret of its own, shown in the answer."""
    return _form_page(request, _own(request, pk))


@sensitive_variables("secret")
def _form_page(request: WorkspaceRequest, shown: Hook) -> HttpResponse:
    form = HookForm(request.POST if request.method == "POST" else None, instance=shown)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render_page(request, "hooks/edit.html", {"form": form, "hook": shown}, status=status)
    try:
        with transaction.atomic():
            secret = form.saved(timezone.now())
    except IntegrityError:  # by a second click
        form.add_error("name", _("Another webhook has this name."))
        return render_page(request, "hooks/edit.html", {"form": form, "hook": shown}, status=422)
    messages.success(request, _("“%(name)s” is saved.") % {"name": shown.name})
    return _hook_page(request, shown, secret) if secret else redirect("hook", shown.pk)


@require_POST
@editor_required
def switch_hook(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Switches a hook on or off. What happens while it is off is not told; what waits goes on once it is on."""
    shown = _own(request, pk)
    shown.enabled = request.POST.get("enabled") == "1"
    with transaction.atomic(), watching.following(request.workspace, timezone.now()):
        shown.save(update_fields=["enabled"])
    said = _("“%(name)s” is switched on.") if shown.enabled else _("“%(name)s” is switched off.")
    messages.success(request, said % {"name": shown.name})
    return redirect("hook", pk)


@require_POST
@editor_required
def delete_hook(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Deletes a hook with its log; its address stays."""
    shown = _own(request, pk)
    shown.delete()
    cache.forget()
    messages.success(
        request, _("“%(name)s” is deleted, and with it the log of what it was told.") % {"name": shown.name}
    )
    return redirect("hooks")


# --- Delivering ---------------------------------------------------------------------------------------


@require_POST
@operator_required
def send_sample(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Has a worker send a sample; the log says what came of it."""
    shown = _own(request, pk)
    if shown.deliveries.filter(is_sample=True, state=HookDelivery.State.WAITING).exists():
        messages.info(request, _("A sample is on its way already."))
    else:
        telling.sample(shown, timezone.now())
        messages.success(request, _("The sample is on its way: the log says what came of it."))
    return _to_log(pk)


@require_POST
@operator_required
def resume(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Goes on with a hook that was paused."""
    waiting = delivering.resume(_own(request, pk), timezone.now())
    words = ngettext(
        "It goes on: %(n)s delivery that waited is tried now.",
        "It goes on: %(n)s deliveries that waited are tried now.",
        waiting,
    )
    messages.success(request, words % {"n": waiting})
    return _to_log(pk)


@require_POST
@operator_required
def again(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Sends one event again, under the id it had."""
    found = HookDelivery.objects.select_related("hook")
    delivery = get_object_or_404(found, pk=pk, hook__workspace=request.workspace)
    if not (delivery.is_sample or delivery.hook.is_served):
        messages.error(request, _not_served(delivery.hook))
    elif delivering.again(delivery, timezone.now()):
        messages.success(request, _("It is sent again now, under the id it had."))
    else:
        messages.info(request, _("It is being tried just now."))
    return _to_log(delivery.hook_id)


@require_http_methods(["GET", "POST"])
@operator_required
def replay(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Sends again what happened within a span of time: the first form is answered by how many that are, the second,
    which says so, sends them."""
    shown, now = _own(request, pk), timezone.now()
    if not shown.is_served:
        messages.error(request, _not_served(shown))
        return _to_log(pk)
    if request.method == "GET":
        form = (
            ReplayForm(request.GET) if "since" in request.GET else ReplayForm(initial=ReplayForm.usual(now))
        )
    else:
        form = ReplayForm(request.POST)
    context: dict[str, Any] = {"hook": shown, "form": form, "kept": KEPT.days}
    if not form.is_valid():
        return render_page(request, "hooks/replay.html", context, status=422 if form.is_bound else 200)
    span = form.span(shown)
    if request.method == "GET":
        context |= {"span": span, "found": span.deliveries().count()}
        return render_page(request, "hooks/replay.html", context)
    number = replaying.replay(span, now)
    words = ngettext("%(n)s event is sent again.", "%(n)s events are sent again.", number)
    messages.success(request, words % {"n": number})
    return _to_log(pk)


def _not_served(shown: Hook) -> str:
    if shown.enabled:
        return _("“%(name)s” is paused, so nothing was sent again: resume it first.") % {"name": shown.name}
    return _("“%(name)s” is off, so nothing was sent again: switch it on first.") % {"name": shown.name}


def _to_log(pk: int) -> HttpResponse:
    return redirect(f"{reverse('hook', args=[pk])}#log")


def _own(request: WorkspaceRequest, pk: int) -> Hook:
    return get_object_or_404(
        Hook.objects.select_related("endpoint", "workspace"), pk=pk, workspace=request.workspace
    )
