"""The Send SMS action in HubSpot: what it holds of ours, and publishing it, over the API or as files."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin.connections import publish_words, publishing
from smsadmin.connections.models import HubSpotAction
from smsadmin.dashboard.pages import render_page
from smsadmin.triggers.hubspot import definition
from smsadmin.triggers.hubspot.catalogue import ADVANCED, GENERATIONS, Generation
from smsadmin.workspaces.access import View, owner_required
from smsadmin.workspaces.models import Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

PROJECT_AUTHS = ("static", "oauth")
#: How a project folder reaches HubSpot (HubSpot docs: developer platform, command line).
PROJECT_COMMANDS = ("npm install -g @hubspot/cli", "hs account auth", "hs project upload")


@dataclass(frozen=True, slots=True)
class Shown:
    """One generation of the action on the page: what HubSpot holds of it, and what differs from ours."""

    generation: Generation
    held: HubSpotAction

    @property
    def name(self) -> str:
        return _(self.generation.name)

    @property
    def description(self) -> str:
        return _(self.generation.description)

    @property
    def state(self) -> str:
        """unseen, none, draft or published."""
        if self.held.compared_at is None:
            return "unseen"
        if not self.held.definition_id:
            return "none"
        return "published" if self.held.published else "draft"

    @property
    def rows(self) -> list[publish_words.Row]:
        return [publish_words.row(each) for each in self.held.differences]

    @property
    def action_url(self) -> str:
        return definition.action_url(self.generation)


@dataclass(frozen=True, slots=True)
class Step:
    """A change at HubSpot that asks first. `states` are those in which there is something to change."""

    do: Callable[[Generation], HubSpotAction]
    done: str | Promise
    states: tuple[str, ...]


STEPS = {
    "update": Step(
        publishing.update, gettext_lazy("HubSpot's “%(name)s” is like ours now."), ("draft", "published")
    ),
    "publish": Step(
        publishing.publish,
        gettext_lazy("“%(name)s” is published: it is offered in workflows now."),
        ("draft",),
    ),
    "unpublish": Step(
        publishing.unpublish, gettext_lazy("“%(name)s” is no longer offered in workflows."), ("published",)
    ),
    "archive": Step(
        publishing.archive, gettext_lazy("“%(name)s” is archived at HubSpot."), ("draft", "published")
    ),
}


def _not_yours(request: WorkspaceRequest) -> str:
    """Why an owner may only look: the action is no workspace's own. "" for whoever may change it."""
    if request.user.is_superuser or not Workspace.objects.exclude(pk=request.workspace.pk).exists():
        return ""
    return _(
        "The action serves all workspaces of this installation, so only an administrator of the installation changes "
        "it at HubSpot. What HubSpot holds is shown here, and the files can be downloaded."
    )


def _changer_required(view: View) -> View:
    """A view only for owners who may change what all workspaces share; others read why (403)."""

    @owner_required
    @wraps(view)
    def guarded(request: WorkspaceRequest, *args: object, **kwargs: object) -> HttpResponse:
        if reason := _not_yours(request):
            raise PermissionDenied(reason)
        return view(request, *args, **kwargs)

    return guarded


@require_GET
@owner_required
def hubspot_action(request: WorkspaceRequest) -> HttpResponse:
    """What HubSpot held of each generation when it was last asked."""
    return _page(request)


def _page(request: WorkspaceRequest, problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        "shown": [_shown(each) for each in GENERATIONS.values()],
        "problem": problem,
        "not_yours": _not_yours(request),
        "obstacle": publishing.obstacle(),
        "reachable": publishing.is_reachable(),
        "base_url": settings.BASE_URL,
        "app_id": settings.HUBSPOT_APP_ID,
        "auths": PROJECT_AUTHS,
        "commands": PROJECT_COMMANDS,
    }
    return render_page(request, "connections/publish/action.html", context, status=status)


def _shown(generation: Generation) -> Shown:
    return Shown(generation, publishing.standing(generation))


@require_POST
@_changer_required
def compare(request: WorkspaceRequest, generation: str) -> HttpResponse:
    """Asks HubSpot what it holds."""
    return _changed(request, _known(generation), publishing.compare, _compared)


@require_POST
@_changer_required
def create(request: WorkspaceRequest, generation: str) -> HttpResponse:
    """Makes a draft, which nobody but the developer account sees."""
    return _changed(
        request, _known(generation), publishing.create, lambda shown: _("HubSpot has “%(name)s” now.")
    )


@require_http_methods(["GET", "POST"])
@_changer_required
def change(request: WorkspaceRequest, generation: str, step: str) -> HttpResponse:
    """Asks before it changes what people who edit workflows see, then changes it."""
    if step not in STEPS:
        raise Http404
    shown, wanted = _shown(_known(generation)), STEPS[step]
    if shown.state not in wanted.states:
        messages.warning(request, _("There is nothing to change: HubSpot's action was changed meanwhile."))
        return redirect("hubspot-action")
    if request.method == "GET":
        return render_page(request, "connections/publish/change.html", {"shown": shown, "step": step})
    return _changed(request, shown.generation, wanted.do, lambda shown: str(wanted.done))


def _changed(
    request: WorkspaceRequest,
    generation: Generation,
    do: Callable[[Generation], HubSpotAction],
    done: Callable[[Shown], str],
) -> HttpResponse:
    """Does it, and says that it is done; 422 with the reason where HubSpot does not let us."""
    try:
        if obstacle := publishing.obstacle():
            raise publishing.Problem(obstacle)
        shown = Shown(generation, do(generation))
    except publishing.Problem as problem:
        return _page(request, str(problem), status=422)
    messages.success(request, done(shown) % {"name": shown.name})
    return redirect("hubspot-action")


def _compared(shown: Shown) -> str:
    if shown.state == "none":
        return _("HubSpot holds no “%(name)s” of this installation.")
    return _("“%(name)s” is compared with HubSpot's.")


@require_GET
@owner_required
def download_definition(request: WorkspaceRequest) -> HttpResponse:
    """The body that creates the action over HubSpot's API, as a file."""
    generation = _known(request.GET.get("generation", ADVANCED.key))
    return _file(
        definition.as_json(definition.as_api(generation)), "application/json", f"{generation.uid}.json"
    )


@require_GET
@owner_required
def download_project(request: WorkspaceRequest) -> HttpResponse:
    """A project folder with an app and both generations of the action, as a ZIP archive."""
    auth = request.GET.get("auth", PROJECT_AUTHS[0])
    if auth not in PROJECT_AUTHS:
        raise Http404
    files = definition.as_project(GENERATIONS.values(), auth, request.user.email)
    return _file(definition.as_zip(files), "application/zip", f"smsadmin-hubspot-{auth}.zip")


def _file(content: bytes, kind: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=kind, headers=headers)


def _known(generation: str) -> Generation:
    if generation not in GENERATIONS:
        raise Http404
    return GENERATIONS[generation]
