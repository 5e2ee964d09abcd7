from typing import Any

from django.apps import AppConfig


class FlowsConfig(AppConfig):
    name = "smsadmin.flows"

    def ready(self) -> None:
        from django.db.models.signals import post_delete, post_save

        from smsadmin.flows import starting
        from smsadmin.flows.models import Flow, Start
        from smsadmin.incoming.signals import received

        received.connect(starting.heard_text, dispatch_uid="flows")
        for model in (Flow, Start):
            post_save.connect(_changed, sender=model, dispatch_uid=f"flows {model.__name__} saved")
            post_delete.connect(_changed, sender=model, dispatch_uid=f"flows {model.__name__} deleted")


def _changed(instance: Any, update_fields: frozenset[str] | None = None, **_signal: Any) -> None:
    """What starts flows may have changed, and with it what providers are to tell."""
    from django.db import transaction

    from smsadmin.flows import bell

    if update_fields is None or "enabled" in update_fields:
        transaction.on_commit(lambda: bell.tell_providers(instance.workspace_id))
