"""Which route a text takes: the first that fits it, the most particular first."""

from collections.abc import Collection, Iterable

from smsadmin.routing.models import Route


def in_order(routes: Iterable[Route]) -> list[Route]:
    """The routes as they are looked at: of one sender before those of any, to one country before those to any, then in
    the order that people gave them."""
    return sorted(
        routes,
        key=lambda route: (route.sender_id is None, route.country == "", route.position, route.pk or 0),
    )


def fits(route: Route, senders: Collection[int], country: str) -> bool:
    """Whether the route is for texts to the country (ISO 3166, "" for none) from one of these senders (ids)."""
    return (route.sender_id is None or route.sender_id in senders) and route.country in ("", country)


def always(routes: Iterable[Route], sender: int, country: str) -> Route | None:
    """The route that a text from the sender to the country takes in any case; `routes` are in their order."""
    found = (each for each in routes if each.when == Route.When.ALWAYS and fits(each, {sender}, country))
    return next(found, None)


def failover(routes: Iterable[Route], tried: Collection[int], country: str) -> list[Route]:
    """The routes that a text to the country may take once it surely did not leave from the senders that were tried:
    none leads back to one of those, and no two lead to the same."""
    found: dict[int, Route] = {}
    for each in routes:
        if each.when == Route.When.FAILOVER and each.via_id not in tried and fits(each, tried, country):
            found.setdefault(each.via_id, each)
    return list(found.values())
