"""The pages of routes."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
