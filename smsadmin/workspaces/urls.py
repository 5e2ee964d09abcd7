from django.urls import path

from smsadmin.workspaces import views

urlpatterns = [
    path("connections/", views.connections, name="connections"),
    path("connections/new/<str:kind>/", views.new_connection, name="connection-new"),
    path("connections/<int:pk>/", views.connection, name="connection"),
    path("connections/<int:pk>/test/", views.test_connection, name="connection-test"),
    path("connections/<int:pk>/webhook/", views.connection_webhook, name="connection-webhook"),
    path("connections/<int:pk>/delete/", views.delete_connection, name="connection-delete"),
    path("settings/", views.workspace_settings, name="settings"),
    path("settings/profile/", views.profile, name="profile"),
    path("settings/members/", views.add_member, name="member-add"),
    path("settings/members/<int:pk>/", views.change_member, name="member"),
    path("settings/members/<int:pk>/remove/", views.remove_member, name="member-remove"),
    path("switch-workspace/", views.switch_workspace, name="switch-workspace"),
]
