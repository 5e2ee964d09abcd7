from django.urls import path

from smsadmin.exports import views

urlpatterns = [
    path("", views.exports, name="exports"),
    path("new/", views.new, name="export-new"),
    path("<uuid:pk>/download/", views.download, name="export-download"),
    path("<uuid:pk>/cancel/", views.cancel, name="export-cancel"),
    path("<uuid:pk>/delete/", views.delete, name="export-delete"),
]
