from django.urls import path

from smsadmin.dashboard import views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("theme/", views.set_theme, name="set-theme"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
