from django.apps import AppConfig


class InboxConfig(AppConfig):
    name = "smsadmin.inbox"

    def ready(self) -> None:
        from smsadmin.inbox import gathering
        from smsadmin.incoming.signals import received

        received.connect(gathering.gather, dispatch_uid="inbox")
