"""Changing the order of routes."""

from django.db import transaction

from smsadmin import cache
from smsadmin.routing import listing
from smsadmin.routing.models import Route
from smsadmin.workspaces.models import Workspace


def last_place(workspace: Workspace) -> int:
    """A position behind every route of the workspace."""
    positions = (
        Route.objects.filter(workspace=workspace).order_by("-position").values_list("position", flat=True)
    )
    return (positions.first() or 0) + 1


@transaction.atomic
def move(route: Route, step: int) -> bool:
    """Lets a route change places with the one before (-1) or after (1) it; False where there is none."""
    # Two that move at once are one after the other, and each sees what the other has left.
    workspace = Workspace.objects.select_for_update().get(pk=route.workspace_id)
    routes = listing.routes_of(workspace)
    found = next((each for each in routes if each.pk == route.pk), None)
    if found is None:
        return False
    route = found
    if (other := listing.neighbour(route, routes, step)) is None:
        return False
    places = {each.pk: place for place, each in enumerate(routes, 1)}
    places[route.pk], places[other.pk] = places[other.pk], places[route.pk]
    for each in routes:
        if each.position != places[each.pk]:
            each.position = places[each.pk]
            each.save(update_fields=["position"])
    cache.forget()
    return True
