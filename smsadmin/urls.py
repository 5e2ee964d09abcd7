"""Every address. Machines' addresses are public surface: others configure them once and expect them to stay."""

from allauth.account import urls as account
from django.urls import include, path

from smsadmin.connections import hubspot_pages

#: People sign in by the address an owner added them with: nobody may take another, which an owner may add next.
_ADDRESSES = {"account_email", "account_email_verification_sent", "account_confirm_email"}
account_pages = [page for page in account.urlpatterns if page.name not in _ADDRESSES]

handler500 = "smsadmin.dashboard.pages.server_error"

urlpatterns = [
    path("hubspot/", include("smsadmin.triggers.hubspot.urls")),  # first: it answers bursts
    path("hubspot/oauth/callback", hubspot_pages.callback, name="hubspot-oauth-callback"),
    path("", include("smsadmin.incoming.urls")),
    path("aircall/oauth/", include("smsadmin.connections.aircall_urls")),
    path("", include("smsadmin.dashboard.urls")),
    path("actions/classic/", include("smsadmin.classic.urls")),
    path("actions/", include("smsadmin.actions.urls")),
    path("flows/", include("smsadmin.flows.urls")),
    path("", include("smsadmin.agents.wire_urls")),  # what agents and their platforms call
    path("agents/", include("smsadmin.agents.urls")),
    path("log/", include("smsadmin.sending.urls")),
    path("inbox/", include("smsadmin.inbox.urls")),
    path("opt-outs/", include("smsadmin.consent.urls")),
    path("failures/", include("smsadmin.failures.urls")),
    path("resends/", include("smsadmin.resends.urls")),
    path("notices/", include("smsadmin.notices.urls")),
    path("privacy/", include("smsadmin.privacy.urls")),
    path("exports/", include("smsadmin.exports.urls")),
    path("quotas/", include("smsadmin.quotas.urls")),
    path("directory/", include("smsadmin.directory.urls")),
    path("connections/", include("smsadmin.pacing.urls")),
    path("connections/", include("smsadmin.connections.urls")),
    path("", include("smsadmin.workspaces.urls")),
    path("settings/test-numbers/", include("smsadmin.trials.urls")),
    path("settings/sender-ids/", include("smsadmin.senders.urls")),
    path("settings/routes/", include("smsadmin.routing.urls")),
    path("settings/webhooks/", include("smsadmin.hooks.urls")),
    path("settings/api-keys/", include("smsadmin.api.key_urls")),
    path("api/", include("smsadmin.api.urls")),
    path("help/", include("smsadmin.help.urls")),
    path("accounts/", include(account_pages)),
    path("i18n/", include("django.conf.urls.i18n")),
]
