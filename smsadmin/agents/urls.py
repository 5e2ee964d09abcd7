"""The pages of agents, of their calls, and of what each may use."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
