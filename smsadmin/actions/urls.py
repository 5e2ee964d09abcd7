from django.urls import path

from smsadmin.dashboard import views

urlpatterns = [path("", views.overview, name="actions")]
