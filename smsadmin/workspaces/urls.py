from django.urls import path

from smsadmin.workspaces import views

urlpatterns = [
    path("settings/", views.workspace_settings, name="settings"),
    path("settings/build-mode/", views.build_mode, name="build-mode"),
    path("settings/profile/", views.profile, name="profile"),
    path("settings/members/", views.add_member, name="member-add"),
    path("settings/members/<int:pk>/", views.change_member, name="member"),
    path("settings/members/<int:pk>/remove/", views.remove_member, name="member-remove"),
    path("switch-workspace/", views.switch_workspace, name="switch-workspace"),
]
