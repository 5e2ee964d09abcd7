from django.urls import path

from smsadmin.resends.views import unknown
from smsadmin.sending import requests, views

urlpatterns = [
    path("", views.log, name="log"),
    path("views/", views.save_view, name="save-view"),
    path("views/<int:pk>/delete/", views.delete_view, name="delete-view"),
    path("requests/", requests.requests, name="requests"),
    path("refused/", requests.refused_calls),
    path("<uuid:pk>/", views.message, name="message"),
    path("<uuid:pk>/unknown/", unknown, name="message-unknown"),
]
