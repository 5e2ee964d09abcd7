from django.urls import path

from smsadmin.privacy import views

urlpatterns = [
    path("", views.privacy, name="privacy"),
    path("counts/", views.counts, name="deleted-counts"),
    path("reveals/", views.reveals, name="reveals"),
    path("messages/<uuid:pk>/reveal/", views.reveal, name="reveal"),
]
