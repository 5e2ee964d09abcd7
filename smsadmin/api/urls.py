"""The API. What has no address of its own is answered in its form too."""

from django.urls import path

from smsadmin.api import endpoint, openapi, quotas
from smsadmin.flows import api as flows

urlpatterns = [
    path("v1/openapi.json", openapi.description, name="api-openapi"),
    path("v1/quotas/", quotas.quotas, name="api-quotas"),
    path("v1/quotas/numbers/<str:which>", quotas.number, name="api-quota-number"),
    path("v1/quotas/users/<str:which>", quotas.user, name="api-quota-user"),
    path("v1/quotas/fit", quotas.fit, name="api-quota-fit"),
    path("v1/flows/<int:flow>/runs", flows.runs, name="api-flow-runs"),
    path("v1/flows/<int:flow>/runs/<uuid:run>", flows.run, name="api-flow-run"),
    # With or without a slash at the end: who follows a redirect may lose the key on the way.
    path("v1/quotas", quotas.quotas),
    path("v1/quotas/numbers/<str:which>/", quotas.number),
    path("v1/quotas/users/<str:which>/", quotas.user),
    path("v1/quotas/fit/", quotas.fit),
    path("v1/flows/<int:flow>/runs/", flows.runs),
    path("v1/flows/<int:flow>/runs/<uuid:run>/", flows.run),
    path("", endpoint.nothing_here),
    path("<path:path>", endpoint.nothing_here),
]
