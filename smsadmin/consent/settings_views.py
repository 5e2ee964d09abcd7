"""What a workspace does about opt-outs, and the recipe for those whose workflows in HubSpot see to it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import cache, phrases
from smsadmin.consent.forms import LANGUAGE_NAMES, PolicyForm
from smsadmin.consent.models import Policy
from smsadmin.consent.policies import stored
from smsadmin.consent.views import tabs
from smsadmin.core import errors, keywords
from smsadmin.crm import properties
from smsadmin.dashboard.pages import render_page
from smsadmin.providers.hubspot import client, optouts
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Connection, Role
from smsadmin.workspaces.requests import WorkspaceRequest

#: What HubSpot's people see of the property, which has no translations there.
LABEL = "SMS opt-out"


@require_http_methods(["GET", "POST"])
@viewer_required
def policy(request: WorkspaceRequest) -> HttpResponse:
    """What holds, read by everybody; editors change it."""
    if request.method == "POST":
        return _save(request)
    return _page(request, PolicyForm(instance=stored(request.workspace.pk)))


@editor_required
def _save(request: WorkspaceRequest) -> HttpResponse:
    form = PolicyForm(request.POST, instance=stored(request.workspace.pk))
    if not form.is_valid():
        return _page(request, form, status=422)
    form.save()
    cache.forget()
    messages.success(request, _("The settings are saved. They hold from the next message on."))
    return redirect("opt-outs-settings")


@dataclass(frozen=True, slots=True)
class Portal:
    """Whether a portal has the property: None where HubSpot cannot be asked now, which `error` explains."""

    connection: Connection
    has: bool | None
    error: str = ""


def _page(request: WorkspaceRequest, form: PolicyForm, status: int = 200) -> HttpResponse:
    saved = stored(request.workspace.pk)
    portals = [_portal(each, saved.reads) for each in _portals(request)] if saved.reads else []
    context = {
        "form": form,
        "saved": saved,
        "portals": portals,
        "lacking": any(each.has is False for each in portals),
        "words": list(_words()),
        "may_edit": request.member.may(Role.EDITOR),
        **tabs(request),
    }
    return render_page(request, "consent/settings.html", context, status=status)


def _portals(request: WorkspaceRequest) -> list[Connection]:
    mine = request.workspace.connections.filter(kind=Connection.Kind.HUBSPOT).order_by("pk")
    return [each for each in mine if each.secrets.get("access_token")]


def _portal(connection: Connection, name: str) -> Portal:
    listed = properties.listed(connection, properties.CONTACT, connection.workspace.language)
    return Portal(connection, None if listed.known_only else name in listed, listed.error)


def _words() -> Iterable[tuple[str, dict[str, str]]]:
    """The words of each language, as people write them."""
    for language, name in LANGUAGE_NAMES.items():
        kinds = {"stop": keywords.STOP, "start": keywords.START, "help": keywords.HELP}
        sure = {kind: ", ".join(words[language].sure).upper() for kind, words in kinds.items()}
        doubtful = [*keywords.STOP[language].doubtful, *keywords.START[language].doubtful]
        yield str(name), {**sure, "doubtful": ", ".join(doubtful).upper()}


@require_POST
@editor_required
def create_property(request: WorkspaceRequest) -> HttpResponse:
    """Makes the property in every portal that has none; each says how it went."""
    name = stored(request.workspace.pk).hubspot_property
    for portal in _portals(request) if name else []:
        _create(request, portal, name)
    properties.expire(request.workspace)
    return redirect("opt-outs-settings")


def _create(request: WorkspaceRequest, portal: Connection, name: str) -> None:
    values = {"portal": portal.name, "name": name}
    try:
        is_new = optouts.create_property(portal, name, LABEL)
    except (errors.SendError, client.Unavailable) as error:
        values["why"] = phrases.translated(properties.report(error))
        words = _("%(portal)s: the property %(name)s was not created. %(why)s")
        messages.error(request, words % values)
    else:
        done = _("%(portal)s has the property %(name)s now.")
        messages.success(request, (done if is_new else _("%(portal)s had the property %(name)s.")) % values)


@require_GET
@viewer_required
def recipe(request: WorkspaceRequest) -> HttpResponse:
    """How workflows in HubSpot see to opt-outs, step by step."""
    saved = stored(request.workspace.pk)
    context = {
        "name": saved.hubspot_property or Policy().hubspot_property,
        "label": LABEL,
        "words": [word.upper() for word in dict.fromkeys(_sure(saved))],
        "is_off": saved.kept_by == Policy.KeptBy.NOBODY,
        **tabs(request),
    }
    return render_page(request, "consent/recipe.html", context)


def _sure(saved: Policy) -> Iterable[str]:
    for language in saved.languages:
        yield from keywords.STOP[language].sure
