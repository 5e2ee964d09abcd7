"""What agents and their platforms call."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
