from django.urls import path

from smsadmin.quotas import views

urlpatterns = [path("", views.quotas, name="quotas")]
