from django.urls import path

from smsadmin.api import views

urlpatterns = [
    path("", views.api_keys, name="api-keys"),
    path("<int:pk>/revoke/", views.revoke, name="api-key-revoke"),
]
