"""What was told, the rules that decide it, and the addresses of webhooks."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin.core.causes import code_of
from smsadmin.core.errors import CATALOGUE
from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.notices import delivering, presenters, telling, watching, webhook
from smsadmin.notices.forms import EndpointForm, RuleForm
from smsadmin.notices.models import Delivery, Endpoint, Notice, NoticeRule
from smsadmin.notices.shipped import USUAL
from smsadmin.notices.telling import open_notices
from smsadmin.workspaces.access import editor_required, operator_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

PER_PAGE = 25

# --- What was told ------------------------------------------------------------------------------------


@require_GET
@viewer_required
def notices(request: WorkspaceRequest) -> HttpResponse:
    """Notices that nobody has dismissed, newest first; ?show=all for every one."""
    every = request.GET.get("show") == "all"
    found = Notice.objects.filter(workspace=request.workspace)
    if not every:
        found = found.filter(dismissed_at=None)
    related = found.select_related("rule", "workspace", "dismissed_by").prefetch_related("deliveries")
    page = Paginator(related.order_by("-pk"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "rows": [presenters.row(notice, timezone.now()) for notice in page],
        "page": page,
        **_turned(page, every),
        "every": every,
        "open": open_notices(request.workspace),
        "has_rules": NoticeRule.objects.filter(workspace=request.workspace, enabled=True).exists(),
        "may_act": request.member.may(Role.OPERATOR),
    }
    return render_page(request, "notices/list.html", context)


def _turned(page: Page[Notice], every: bool) -> dict[str, str]:
    """The addresses of the newer and the older notices, "" where there are none."""
    address = f"{reverse('notices')}?{'show=all&' if every else ''}page="
    newer = f"{address}{page.previous_page_number()}" if page.has_previous() else ""
    older = f"{address}{page.next_page_number()}" if page.has_next() else ""
    return {"newer": newer, "older": older}


@require_POST
@operator_required
def dismiss(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """Takes a notice off the list of everybody in the workspace."""
    notice = get_object_or_404(Notice, pk=pk, workspace=request.workspace)
    _dismiss(request, Notice.objects.filter(pk=notice.pk))
    messages.success(request, _("The notice is dismissed. It stays in the list of all notices."))
    return redirect("notices")


@require_POST
@operator_required
def dismiss_all(request: WorkspaceRequest) -> HttpResponse:
    """Takes every notice off the list that was there when the page was shown."""
    newest = get_object_or_404(Notice, pk=_uuid(request.POST.get("newest")), workspace=request.workspace)
    _dismiss(request, Notice.objects.filter(workspace=request.workspace, pk__lte=newest.pk))
    messages.success(request, _("The notices are dismissed. They stay in the list of all notices."))
    return redirect("notices")


def _dismiss(request: WorkspaceRequest, found: QuerySet[Notice]) -> None:
    found.filter(dismissed_at=None).update(dismissed_at=timezone.now(), dismissed_by=request.user)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


@require_POST
@operator_required
def again(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Tries a delivery again at once, and for another day if need be."""
    delivery = get_object_or_404(Delivery, pk=pk, notice__workspace=request.workspace)
    if delivering.again(delivery, timezone.now()):
        messages.success(request, _("It is tried again now: %(address)s.") % {"address": delivery.address})
    elif Delivery.objects.filter(pk=pk, state=Delivery.State.DELIVERED).exists():
        messages.info(request, _("It had arrived already: %(address)s.") % {"address": delivery.address})
    else:
        messages.info(request, _("It is being tried just now: %(address)s.") % {"address": delivery.address})
    return redirect(f"{reverse('notices')}?show=all#notice-{delivery.notice_id}")


# --- Rules --------------------------------------------------------------------------------------------


@require_GET
@viewer_required
def rules(request: WorkspaceRequest) -> HttpResponse:
    """Who is told of what, and the addresses webhooks go to."""
    found = NoticeRule.objects.filter(workspace=request.workspace).select_related("endpoint")
    no_sample = ~Q(notices__kind=Notice.Kind.SAMPLE)
    listed = list(found.annotate(last_told=Max("notices__at", filter=no_sample)).order_by("pk"))
    context = {
        "rows": presenters.rule_rows(request.workspace, listed, timezone.now()),
        "endpoints": Endpoint.objects.filter(workspace=request.workspace).prefetch_related("rules", "hooks"),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "notices/rules.html", context)


@require_http_methods(["GET", "POST"])
@editor_required
def new_rule(request: WorkspaceRequest) -> HttpResponse:
    """Another rule; ?cause=… begins with one cause or code, as the page of failures names it."""
    cause = request.POST.get("cause") or request.GET.get("cause", "")
    rule = NoticeRule(workspace=request.workspace)
    if cause and request.method == "GET":
        rule.when, rule.cause = NoticeRule.When.CAUSE, cause
    return _rule_page(request, rule, cause)


@require_http_methods(["GET", "POST"])
@editor_required
def rule(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One rule; htmx asks for what came of its samples."""
    shown = _own_rule(request, pk)
    if request.method == "GET" and wants_fragment(request):
        return render(request, "notices/_samples.html", {**_samples(shown), "polled": True})
    return _rule_page(request, shown, shown.cause)


def _rule_page(request: WorkspaceRequest, shown: NoticeRule, cause: str) -> HttpResponse:
    certain = _certain(request, shown, cause)
    if request.method == "GET":
        initial: dict[str, Any] = {} if shown.pk else {"emails": [request.user.email]}
        if shown.when != NoticeRule.When.QUOTA:
            initial |= USUAL
        form = RuleForm(request.workspace, certain, instance=shown, initial=initial)
        return render_page(request, "notices/rule.html", {"form": form, **_samples(shown)})
    form = RuleForm(request.workspace, certain, request.POST, instance=shown)
    if not form.is_valid():
        return render_page(request, "notices/rule.html", {"form": form, **_samples(shown)}, status=422)
    with transaction.atomic():
        begins_anew = form.begins_anew
        saved = form.save()
        if begins_anew:
            watching.take_stock(saved)
    messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
    return redirect("notice-rule", saved.pk)


def _certain(request: WorkspaceRequest, shown: NoticeRule, cause: str) -> list[tuple[str, str]]:
    """The causes to choose from beside the codes: the one the rule has, and one of the workspace that is asked for."""
    wanted = [each for each in dict.fromkeys([cause, shown.cause]) if each and each not in CATALOGUE]
    if not wanted:
        return []
    words = presenters.causes_in_words(request.workspace, wanted, timezone.now())
    if shown.pk and shown.cause in wanted:
        words.setdefault(shown.cause, shown.cause)
    return [(each, f"{said} · {code_of(each)}") for each, said in words.items()]


@require_POST
@editor_required
def switch_rule(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Switches a rule on or off; what goes on when it is switched on is no news."""
    shown = _own_rule(request, pk)
    shown.enabled = request.POST.get("enabled") == "1"
    with transaction.atomic():
        shown.save(update_fields=["enabled"])
        watching.take_stock(shown)
    said = _("“%(name)s” is switched on.") if shown.enabled else _("“%(name)s” is switched off.")
    messages.success(request, said % {"name": shown.name})
    return redirect("notice-rules")


@require_POST
@editor_required
def delete_rule(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What it told stays in the list of notices."""
    shown = _own_rule(request, pk)
    shown.delete()
    messages.success(
        request, _("“%(name)s” is deleted. What it told stays in the list.") % {"name": shown.name}
    )
    return redirect("notice-rules")


@require_POST
@editor_required
def send_sample(request: WorkspaceRequest, pk: int, channel: str) -> HttpResponse:
    """Has a worker send a sample through one channel of a rule; its page then says what came of it."""
    shown = _own_rule(request, pk)
    if any(each.channel == channel and each.is_open for each in telling.samples_of(shown)):
        messages.info(request, _("A sample is on its way already."))
    elif telling.sample(shown, channel, request.user, timezone.now()):
        messages.success(request, _("The sample is on its way: what came of it is said below."))
    else:
        messages.error(request, _("“%(name)s” tells nobody this way.") % {"name": shown.name})
    return redirect(f"{reverse('notice-rule', args=[pk])}#samples")


def _samples(shown: NoticeRule) -> dict[str, Any]:
    """What the page of a rule says of its newest samples."""
    sent = telling.samples_of(shown) if shown.pk else []
    ways = presenters.ways(sent, timezone.now())
    return {"rule": shown, "ways": ways, "moving": any(each.is_open for each in sent)}


def _own_rule(request: WorkspaceRequest, pk: int) -> NoticeRule:
    related = NoticeRule.objects.select_related("endpoint", "workspace")
    return get_object_or_404(related, pk=pk, workspace=request.workspace)


# --- Addresses of webhooks ----------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
@editor_required
@sensitive_variables("secret")
def new_endpoint(request: WorkspaceRequest) -> HttpResponse:
    """Another address; its secret is in the answer and never shown again.

    That answer is no redirect, or the secret would have to be kept for it; sent once more, the address exists already.
    """
    blank = Endpoint(workspace=request.workspace)
    form = EndpointForm(request.POST or None, instance=blank)
    if request.method == "GET":
        return render_page(request, "notices/endpoint_new.html", {"form": form})
    if not form.is_valid():
        return render_page(request, "notices/endpoint_new.html", {"form": form}, status=422)
    endpoint = form.save(commit=False)
    secret = webhook.renew(endpoint, timezone.now())
    try:
        with transaction.atomic():
            endpoint.save()
    except IntegrityError:  # by a second click
        form.add_error("url", _("Webhooks go to this address already."))
        return render_page(request, "notices/endpoint_new.html", {"form": form}, status=422)
    return _endpoint_page(request, endpoint, secret)


@require_GET
@editor_required
def endpoint(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One address, the rules that use it, and changing its secret."""
    return _endpoint_page(request, _own_endpoint(request, pk))


@require_POST
@never_cache
@editor_required
@sensitive_variables("secret")
def renew_secret(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Gives an address a new secret and shows it this once. The form says which secret it replaces, so that the same
    form sent again replaces nothing."""
    with transaction.atomic():
        shown = get_object_or_404(Endpoint.objects.select_for_update(), pk=pk, workspace=request.workspace)
        if request.POST.get("made_at") != shown.made_at.isoformat():
            messages.error(request, _("The secret had been changed already, so it was left as it is."))
            return redirect("notice-endpoint", pk)
        secret = webhook.renew(shown, timezone.now())
        shown.save()
    return _endpoint_page(request, shown, secret)


@require_POST
@editor_required
def delete_endpoint(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Refused while a rule or a hook uses it."""
    shown = _own_endpoint(request, pk)
    if shown.rules.exists() or shown.hooks.exists():
        messages.error(
            request, _("Rules or webhooks still use this address: choose another one in them, or none.")
        )
        return redirect("notice-endpoint", pk)
    shown.delete()
    messages.success(request, _("Webhooks no longer go to %(host)s.") % {"host": shown})
    return redirect("notice-rules")


def _own_endpoint(request: WorkspaceRequest, pk: int) -> Endpoint:
    return get_object_or_404(Endpoint, pk=pk, workspace=request.workspace)


@sensitive_variables("secret")
def _endpoint_page(request: WorkspaceRequest, shown: Endpoint, secret: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "endpoint": shown,
        "secret": secret,
        "rules": shown.rules.all(),
        "hooks": shown.hooks.all(),
        "previous_until": shown.previous_until
        if shown.previous_until and shown.previous_until > timezone.now()
        else None,
    }
    return render_page(request, "notices/endpoint.html", context)
