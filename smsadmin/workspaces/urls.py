from django.urls import path

from smsadmin.dashboard import views

urlpatterns = [
    path("connections/", views.overview, name="connections"),
    path("settings/", views.overview, name="settings"),
    path("switch-workspace/", views.overview, name="switch-workspace"),
]
