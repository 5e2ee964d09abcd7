from django.urls import path

from smsadmin.directory import views

urlpatterns = [
    path("", views.directory, name="directory"),
    path("freshness/", views.fresh, name="directory-freshness"),
    path("refresh/", views.refresh, name="directory-refresh"),
    path("refreshes/", views.refreshes, name="directory-refreshes"),
    path("confirm/", views.confirm, name="directory-confirm"),
    path("numbers/<int:pk>/", views.number, name="number"),
    path("numbers/<int:pk>/mend/", views.mend, name="number-mend"),
    path("users/", views.agents, name="directory-users"),
    path("users/<int:pk>/", views.agent, name="directory-user"),
]
