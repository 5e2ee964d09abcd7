from django.urls import path

from smsadmin.triggers.hubspot import views

urlpatterns = [
    path("actions/send-sms", views.send_sms, name="hubspot-send-sms"),
    path("options/sender-numbers", views.sender_numbers, name="hubspot-sender-numbers"),
    path("options/send-as-users", views.send_as_users, name="hubspot-send-as-users"),
]
