from django.urls import path

from smsadmin.incoming import views

urlpatterns = [
    path("webhooks/<str:secret>", views.told, name="aircall-webhook"),
    path("callbacks/<str:secret>", views.told, name="aircall-callback"),
]
