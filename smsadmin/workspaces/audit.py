"""Who changed what: django-auditlog over everything a person configures, secrets left out."""

from auditlog.registry import auditlog


def register() -> None:
    from smsadmin.actions.models import Action, ActionVersion
    from smsadmin.agents.models import AIAgent, Attachment, ImportedAction
    from smsadmin.api.models import Key
    from smsadmin.classic.models import ClassicSettings
    from smsadmin.connections.models import ErrorCode, HubSpotAction
    from smsadmin.consent.models import Policy as Consent
    from smsadmin.directory.models import Number
    from smsadmin.exports.models import Export
    from smsadmin.failures.models import Failure
    from smsadmin.flows.models import FetchHost, Flow, FlowVersion, Start
    from smsadmin.hooks.models import Hook
    from smsadmin.incoming.models import ProxyConfiguration, Webhook
    from smsadmin.notices.models import Endpoint, NoticeRule
    from smsadmin.privacy.models import Policy, Reveal
    from smsadmin.quotas.models import PriorityShare, Rule
    from smsadmin.resends.models import Resend
    from smsadmin.routing.models import Route
    from smsadmin.senders.models import Approval, CountryRule, SenderName
    from smsadmin.trials.models import TestNumber
    from smsadmin.workspaces.models import Connection, Member, Workspace

    learnt = [
        "checked_at",
        "proven_at",
        "state",
        "state_detail",
        "lost_at",
        "plan_refused_at",
        "scopes_refused",
    ]
    pace = ["token_expires_at", "token_lease_until", "next_search_at"]
    auditlog.register(Connection, exclude_fields=["secrets", *learnt, *pace])
    auditlog.register(ErrorCode)
    auditlog.register(HubSpotAction, exclude_fields=["compared_at", "differences"])
    auditlog.register(Number, exclude_fields=["seen_at", "probed_at"])
    auditlog.register(Failure, exclude_fields=["at"])
    auditlog.register(
        Export, exclude_fields=["total", "written", "holder", "lease_until", "attempts", "size"]
    )
    auditlog.register(
        Resend,
        exclude_fields=["filters", "waits_until", "holder", "lease_until", "attempts", "error"],
    )  # a filter may name a recipient
    auditlog.register(ClassicSettings, exclude_fields=["told", "ui_domains"])
    auditlog.register(NoticeRule, exclude_fields=["looked_at", "begun_at"])
    auditlog.register(Endpoint, exclude_fields=["secrets", "url"])  # which may carry a key
    auditlog.register(Hook, exclude_fields=["failing_since", "failed_at"])
    auditlog.register(TestNumber, exclude_fields=["code_hash"])
    auditlog.register(Key, exclude_fields=["token_hash", "last_used_at"])
    auditlog.register(ProxyConfiguration, exclude_fields=["secrets", "seen_at", "error"])
    auditlog.register(
        Webhook,
        exclude_fields=["secrets", "address_hash", "state", "events", "error", "checked_at", "last_call_at"],
    )
    auditlog.register(Consent)
    for flows in (Flow, Start):
        auditlog.register(flows)
    auditlog.register(FlowVersion, exclude_fields=["source"])  # a header in it may carry a key
    auditlog.register(FetchHost, exclude_fields=["secrets"])
    auditlog.register(AIAgent, exclude_fields=["secrets", "token_hash", "last_seen_at"])
    auditlog.register(Attachment)
    auditlog.register(ImportedAction)
    auditlog.register(SenderName)
    auditlog.register(Approval)
    auditlog.register(CountryRule)
    auditlog.register(Route)
    for model in (Workspace, Member, Action, ActionVersion, Rule, PriorityShare, Policy, Reveal):
        auditlog.register(model)
