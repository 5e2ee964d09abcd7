from django.urls import path

from smsadmin.resends import views

urlpatterns = [
    path("", views.resends, name="resends"),
    path("new/", views.new, name="resend-new"),
    path("<uuid:pk>/", views.resend, name="resend"),
    path("<uuid:pk>/pause/", views.pause, name="resend-pause"),
    path("<uuid:pk>/resume/", views.resume, name="resend-resume"),
    path("<uuid:pk>/cancel/", views.cancel, name="resend-cancel"),
]
