from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "smsadmin.exports"

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from smsadmin.exports import files
        from smsadmin.exports.models import Export

        post_delete.connect(files.forget, sender=Export, dispatch_uid="exports")
