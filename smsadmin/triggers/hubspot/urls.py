from django.urls import path

from smsadmin.classic.trigger import send_sms_classic
from smsadmin.triggers.hubspot import views

urlpatterns = [
    path("actions/send-sms", views.send_sms, name="hubspot-send-sms"),
    path("actions/send-sms-classic", send_sms_classic, name="hubspot-send-sms-classic"),
    path("options/sender-numbers", views.sender_numbers, name="hubspot-sender-numbers"),
    path("options/send-as-users", views.send_as_users, name="hubspot-send-as-users"),
]
