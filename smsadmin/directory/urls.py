from django.urls import path

from smsadmin.directory import messaging_api, views

urlpatterns = [
    path("", views.directory, name="directory"),
    path("freshness/", views.fresh, name="directory-freshness"),
    path("refresh/", views.refresh, name="directory-refresh"),
    path("refreshes/", views.refreshes, name="directory-refreshes"),
    path("rules/", views.rules, name="directory-rules"),
    path("confirm/", views.confirm, name="directory-confirm"),
    path("numbers/<int:pk>/", views.number, name="number"),
    path("numbers/<int:pk>/mend/", views.mend, name="number-mend"),
    path("numbers/<int:pk>/messaging-api/", messaging_api.messaging_api, name="messaging-api"),
    path("numbers/<int:pk>/messaging-api/look/", messaging_api.look, name="messaging-api-look"),
    path(
        "numbers/<int:pk>/messaging-api/configure/", messaging_api.configure, name="messaging-api-configure"
    ),
    path("numbers/<int:pk>/messaging-api/remove/", messaging_api.remove, name="messaging-api-remove"),
    path("numbers/<int:pk>/messaging-api/send/", messaging_api.send, name="messaging-api-send"),
    path("users/", views.agents, name="directory-users"),
    path("users/<int:pk>/", views.agent, name="directory-user"),
]
