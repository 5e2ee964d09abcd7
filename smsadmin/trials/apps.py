from django.apps import AppConfig


class TrialsConfig(AppConfig):
    name = "smsadmin.trials"

    def ready(self) -> None:
        from smsadmin.sending.signals import settled
        from smsadmin.trials import verification

        settled.connect(verification.forget_codes, dispatch_uid="trials")
