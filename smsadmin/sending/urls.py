from django.urls import path

from smsadmin.sending import views

urlpatterns = [
    path("", views.log, name="log"),
    path("refused/", views.refused_calls, name="refused-calls"),
    path("<uuid:pk>/", views.message, name="message"),
]
