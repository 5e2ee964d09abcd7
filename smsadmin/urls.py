"""Every address. Machines' addresses are public surface: others configure them once and expect them to stay."""

from django.urls import include, path

handler500 = "smsadmin.dashboard.pages.server_error"

urlpatterns = [
    path("hubspot/", include("smsadmin.triggers.hubspot.urls")),  # first: it answers bursts
    path("", include("smsadmin.dashboard.urls")),
    path("actions/", include("smsadmin.actions.urls")),
    path("log/", include("smsadmin.sending.urls")),
    path("quotas/", include("smsadmin.quotas.urls")),
    path("directory/", include("smsadmin.directory.urls")),
    path("", include("smsadmin.workspaces.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
]
