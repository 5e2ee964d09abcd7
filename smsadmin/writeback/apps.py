from django.apps import AppConfig


class WritebackConfig(AppConfig):
    name = "smsadmin.writeback"

    def ready(self) -> None:
        from smsadmin.sending.signals import settled
        from smsadmin.writeback import callbacks

        settled.connect(callbacks.ring, dispatch_uid="writeback")
