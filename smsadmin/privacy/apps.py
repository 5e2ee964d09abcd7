from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "smsadmin.privacy"

    def ready(self) -> None:
        from smsadmin.privacy import forgetting
        from smsadmin.sending.signals import settled

        settled.connect(forgetting.forget_hidden, dispatch_uid="privacy")
