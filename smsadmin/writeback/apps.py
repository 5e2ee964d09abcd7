from django.apps import AppConfig


class WritebackConfig(AppConfig):
    name = "smsadmin.writeback"

    def ready(self) -> None:
        from smsadmin.incoming.signals import received
        from smsadmin.sending.signals import settled
        from smsadmin.writeback import callbacks, engagements

        settled.connect(callbacks.ring, dispatch_uid="writeback")
        settled.connect(engagements.owe, dispatch_uid="engagements")
        received.connect(engagements.owe_inbound, dispatch_uid="engagements")
