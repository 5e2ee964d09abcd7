"""The pages of the sender IDs: names and where they are approved, and what each country takes."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import cache
from smsadmin.core import sender_names
from smsadmin.dashboard.pages import render_page
from smsadmin.dashboard.templatetags.ui import country_name, grouped
from smsadmin.senders import names, rules
from smsadmin.senders.forms import ApprovalForm, CountryForm, NameForm, choices
from smsadmin.senders.models import CountryRule, SenderName
from smsadmin.sending.filters import log_url
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest


@require_GET
@viewer_required
def sender_ids(request: WorkspaceRequest) -> HttpResponse:
    """Every sender name, and how far its approval is in each country."""
    context = {
        "senders": names.listed(request.workspace),
        "has_account": names.accounts(request.workspace).exists(),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "senders/list.html", context)


@require_http_methods(["GET", "POST"])
@editor_required
def new(request: WorkspaceRequest) -> HttpResponse:
    """Requests a name."""
    form = NameForm(request.workspace, request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            sender = names.request(
                given["connection"],
                given["name"],
                given["purpose"],
                given["countries"],
                request.user,
                timezone.now(),
            )
        except names.Taken:
            form.add_error("name", _("“%(name)s” is a sender name of this account already.") % given)
        else:
            return _requested(request, sender)
    context = {"form": form, "has_account": names.accounts(request.workspace).exists()}
    return render_page(request, "senders/new.html", context, status=422 if form.is_bound else 200)


def _requested(request: WorkspaceRequest, sender: SenderName) -> HttpResponse:
    name = sender.number.e164
    messages.success(request, _("“%(name)s” is entered. Ask Callr for it now.") % {"name": name})
    if not sender_names.is_safest(name):
        words = _(
            "Some countries take sender names of 3 to 11 letters, digits and spaces only, and may change “%(name)s”."
        )
        messages.warning(request, words % {"name": name})
    return redirect("sender-id", sender.pk)


@require_http_methods(["GET", "POST"])
@viewer_required
def sender_id(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One name and its approvals; editors set how far each is."""
    sender = _own(request, pk)
    if request.method == "POST":
        return _decide(request, sender)
    return _page(request, sender, ApprovalForm(sender, country=request.GET.get("country", "")))


@editor_required
def _decide(request: WorkspaceRequest, sender: SenderName) -> HttpResponse:
    form = ApprovalForm(sender, request.POST)
    if not form.is_valid():
        return _page(request, sender, form, status=422)
    approval = names.decide(sender, **form.cleaned_data, now=timezone.now())
    words = _("“%(name)s” in %(country)s: %(state)s.") % {
        "name": sender.number.e164,
        "country": country_name(approval.country),
        "state": approval.get_state_display(),
    }
    messages.success(request, words)
    return redirect("sender-id", sender.pk)


@require_http_methods(["GET", "POST"])
@editor_required
def withdraw(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Asks, saying what stops; then no further message is accepted under the name."""
    sender = _own(request, pk)
    if sender.number.gone_at:
        return redirect("sender-id", pk)
    if request.method == "POST":
        names.withdraw(sender, timezone.now())
        messages.success(request, _withdrawn(sender))
        return redirect("sender-ids")
    return render_page(request, "senders/withdraw.html", {"sender": sender, "loss": names.loss(sender)})


def _withdrawn(sender: SenderName) -> str:
    """Whoever reads that it is withdrawn must not take it that nothing leaves under the name from this moment on."""
    words = _("“%(name)s” is withdrawn: no further message is accepted under it.")
    words %= {"name": sender.number.e164}
    if not (waiting := names.loss(sender).waiting):
        return words
    still = ngettext(
        "%(n)s message that was accepted before still goes out.",
        "%(n)s messages that were accepted before still go out.",
        waiting,
    )
    return f"{words} {still % {'n': grouped(waiting)}}"


@require_GET
@viewer_required
def countries(request: WorkspaceRequest) -> HttpResponse:
    """What each country takes, as shipped or as the workspace knows better; any other can be chosen."""
    if chosen := request.GET.get("country"):
        return redirect("sender-id-country", _country(chosen))
    context = {
        "table": rules.table(rules.of(request.workspace.pk), get_language() or "en"),
        "choices": choices(),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "senders/countries.html", context)


@require_http_methods(["GET", "POST"])
@editor_required
def country(request: WorkspaceRequest, code: str) -> HttpResponse:
    """The rule of one country, which the workspace may replace by its own."""
    code = _country(code)
    shipped = rules.shipped(code)
    found = CountryRule.objects.filter(workspace=request.workspace, country=code).first()
    begins = CountryRule(names=shipped.names, gsm_only=shipped.gsm_only, note=str(shipped.note))
    form = CountryForm(request.POST or None, instance=found or begins)
    if request.method == "POST" and form.is_valid():
        CountryRule.objects.update_or_create(
            workspace=request.workspace, country=code, defaults=form.cleaned_data
        )
        cache.forget()
        messages.success(
            request, _("The rule of %(country)s is yours now.") % {"country": country_name(code)}
        )
        return redirect("sender-id-countries")
    context = {
        "form": form,
        "code": code,
        "name": country_name(code),
        "shipped": shipped,
        "is_ours": bool(found),
    }
    return render_page(request, "senders/country.html", context, status=422 if form.is_bound else 200)


@require_POST
@editor_required
def back(request: WorkspaceRequest, code: str) -> HttpResponse:
    """Goes back to what is shipped for a country."""
    code = _country(code)
    CountryRule.objects.filter(workspace=request.workspace, country=code).delete()
    cache.forget()
    messages.success(
        request, _("The shipped rule of %(country)s holds again.") % {"country": country_name(code)}
    )
    return redirect("sender-id-countries")


def _country(code: str) -> str:
    if code not in dict(choices()):
        raise Http404
    return code


def _own(request: WorkspaceRequest, pk: int) -> SenderName:
    return get_object_or_404(names.listed(request.workspace), pk=pk)


def _page(
    request: WorkspaceRequest, sender: SenderName, form: ApprovalForm, status: int = 200
) -> HttpResponse:
    standing = rules.of(request.workspace.pk)
    approvals = [(each, standing.rule(each.country)) for each in sender.approvals.all()]
    context: dict[str, Any] = {
        "sender": sender,
        "approvals": sorted(approvals, key=lambda each: country_name(each[0].country)),
        "form": form,
        "log": log_url(number=sender.number_id),
        "may_edit": request.member.may(Role.EDITOR) and not sender.number.gone_at,
    }
    return render_page(request, "senders/name.html", context, status=status)
