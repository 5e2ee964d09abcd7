from django.urls import path

from smsadmin.incoming import asking, views

urlpatterns = [
    path("aircall/webhooks/<str:secret>", views.told, {"kind": "aircall"}, name="aircall-webhook"),
    path("aircall/callbacks/<str:secret>", views.told, {"kind": "aircall"}, name="aircall-callback"),
    path("callr/webhooks/<str:secret>", views.told, {"kind": "callr"}, name="callr-webhook"),
    path("twilio/status/<str:secret>", views.told_by_twilio, {"event": "status"}, name="twilio-status"),
    path("twilio/inbound/<str:secret>", views.told_by_twilio, {"event": "inbound"}, name="twilio-inbound"),
    path("log/<uuid:pk>/ask/", asking.ask_for_message, name="message-ask"),
]
