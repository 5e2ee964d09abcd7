from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "smsadmin.agents"
