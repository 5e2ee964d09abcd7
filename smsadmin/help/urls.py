from django.urls import path

from smsadmin.help import views

urlpatterns = [
    path("errors/", views.errors, name="help-errors"),
    path("statuses/", views.words, name="help-statuses"),
]
