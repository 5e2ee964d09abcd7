"""The API. What has no address of its own is answered in its form too."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path, re_path

from smsadmin.api import actions, directory, docs, endpoint, inbound, messages, openapi, opt_outs, quotas
from smsadmin.api.endpoint import by_method
from smsadmin.flows import api as flows


def _both(route: str, view: Any, name: str) -> Iterator[URLPattern]:
    """With or without a slash at the end: who follows a redirect may lose the key on the way."""
    yield path(route, view, name=name)
    yield path(route.removesuffix("/") if route.endswith("/") else f"{route}/", view)


urlpatterns = [
    path("v1/openapi.json", openapi.description, name="api-openapi"),
    path("v1/docs/", docs.docs, name="api-docs"),  # for people (settings.PEOPLE_PATHS)
    *_both("v1/actions", actions.actions, "api-actions"),
    *_both("v1/actions/<int:action>", actions.action, "api-action"),
    *_both("v1/actions/<int:action>/messages", actions.messages, "api-action-messages"),
    *_both("v1/actions/<int:action>/rehearsals", actions.rehearsals, "api-action-rehearsals"),
    *_both("v1/messages", by_method(GET=messages.messages, POST=messages.send), "api-messages"),
    *_both("v1/messages/<uuid:message>", messages.message, "api-message"),
    *_both("v1/messages/<uuid:message>/events", messages.events, "api-message-events"),
    *_both("v1/messages/<uuid:message>/trace", messages.trace, "api-message-trace"),
    *_both("v1/messages/<uuid:message>/cancel", messages.cancel, "api-message-cancel"),
    *_both("v1/inbound", inbound.inbound, "api-inbound"),
    *_both("v1/opt-outs", by_method(GET=opt_outs.opt_outs, POST=opt_outs.add), "api-opt-outs"),
    *_both("v1/opt-outs/<str:number>", by_method(GET=opt_outs.opt_out, DELETE=opt_outs.lift), "api-opt-out"),
    *_both("v1/quotas/", quotas.quotas, "api-quotas"),
    *_both("v1/quotas/numbers/<str:which>", quotas.number, "api-quota-number"),
    *_both("v1/quotas/users/<str:which>", quotas.user, "api-quota-user"),
    *_both("v1/quotas/fit", quotas.fit, "api-quota-fit"),
    *_both("v1/numbers", directory.numbers, "api-numbers"),
    *_both("v1/numbers/<str:which>", directory.number, "api-number"),
    *_both("v1/users", directory.users, "api-users"),
    *_both("v1/flows/<int:flow>/runs", flows.runs, "api-flow-runs"),
    *_both("v1/flows/<int:flow>/runs/<uuid:run>", flows.run, "api-flow-run"),
    re_path("", endpoint.nothing_here),  # whatever it is: no converter takes a line break
]
