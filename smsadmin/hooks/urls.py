"""The pages of outgoing webhooks."""

from django.urls import path

from smsadmin.hooks import views

urlpatterns = [
    path("", views.hooks, name="hooks"),
    path("new/", views.new_hook, name="hook-new"),
    path("deliveries/<int:pk>/again/", views.again, name="hook-again"),
    path("<int:pk>/", views.hook, name="hook"),
    path("<int:pk>/edit/", views.edit_hook, name="hook-edit"),
    path("<int:pk>/switch/", views.switch_hook, name="hook-switch"),
    path("<int:pk>/resume/", views.resume, name="hook-resume"),
    path("<int:pk>/sample/", views.send_sample, name="hook-sample"),
    path("<int:pk>/replay/", views.replay, name="hook-replay"),
    path("<int:pk>/delete/", views.delete_hook, name="hook-delete"),
]
