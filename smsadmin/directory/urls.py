from django.urls import path

from smsadmin.directory import views

urlpatterns = [
    path("", views.directory, name="directory"),
    path("freshness/", views.freshness, name="directory-freshness"),
    path("refresh/", views.refresh, name="directory-refresh"),
    path("confirm/", views.confirm, name="directory-confirm"),
    path("numbers/<int:pk>/", views.number, name="number"),
    path("users/", views.agents, name="directory-users"),
]
