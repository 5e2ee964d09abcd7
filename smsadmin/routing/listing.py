"""The workspace's routes as its pages show them: in their order, in words, with what is odd about each."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from smsadmin.dashboard.templatetags.ui import country_name
from smsadmin.directory.models import Number
from smsadmin.directory.naming import beside, label
from smsadmin.routing import advice
from smsadmin.routing.advice import ALWAYS, Remark
from smsadmin.routing.matching import in_order
from smsadmin.routing.models import Route
from smsadmin.workspaces.models import Connection, Workspace


@dataclass(frozen=True, slots=True)
class Row:
    """A route, its sentence, its warnings, and whether another of its kind stands before and after it."""

    route: Route
    words: str
    remarks: list[Remark] = field(default_factory=list)
    has_before: bool = False
    has_after: bool = False


def routes_of(workspace: Workspace) -> list[Route]:
    """All routes of the workspace, on or off, as they are looked at. One query."""
    return in_order(_loaded(Route.objects.filter(workspace=workspace)))


def using(number: Number) -> list[Route]:
    """The routes that are for texts from the number, or lead to it."""
    both = Q(sender=number) | Q(via=number)
    return in_order(_loaded(Route.objects.filter(both, workspace=number.workspace_id)))


def with_account(account: Connection) -> list[Route]:
    """The same for all senders of an account."""
    both = Q(sender__connection=account) | Q(via__connection=account)
    return in_order(_loaded(Route.objects.filter(both, workspace=account.workspace_id)))


def _loaded(routes: QuerySet[Route]) -> QuerySet[Route]:
    found = routes.select_related("sender__connection", "via__connection")
    return found.defer("sender__connection__secrets", "via__connection__secrets")


def rows(routes: Sequence[Route]) -> list[Row]:
    """The routes of a workspace, in their order, ready to be shown."""
    return [
        Row(
            route,
            sentence(route),
            advice.of(route, routes),
            has_before=neighbour(route, routes, -1) is not None,
            has_after=neighbour(route, routes, 1) is not None,
        )
        for route in routes
    ]


def neighbour(route: Route, routes: Sequence[Route], step: int) -> Route | None:
    """The one before (-1) or after (1) it, of those between which the order of people decides."""
    peers = [each for each in routes if _rank(each) == _rank(route)]
    place = next(index for index, each in enumerate(peers) if each.pk == route.pk) + step
    return peers[place] if 0 <= place < len(peers) else None


def _rank(route: Route) -> tuple[str, bool, bool]:
    return route.when, route.sender_id is None, not route.country


def sentence(route: Route) -> str:
    """What it does, in words."""
    names = {
        "sender": beside(route.sender) if route.sender else _("any sender"),
        "country": country_name(route.country) if route.country else _("any country"),
        "via": label(route.via),
        "provider": route.via.connection.get_kind_display(),
    }
    if route.when == ALWAYS:
        return _("Texts from %(sender)s to %(country)s leave from %(via)s, by %(provider)s.") % names
    return (
        _(
            "Texts from %(sender)s to %(country)s that surely did not leave go on from %(via)s, by %(provider)s."
        )
        % names
    )
