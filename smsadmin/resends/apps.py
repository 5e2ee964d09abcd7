from django.apps import AppConfig


class ResendsConfig(AppConfig):
    name = "smsadmin.resends"
