from django.urls import path

from smsadmin.inbox import views

urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("next/", views.next_unread, name="inbox-next"),
    path("<int:pk>/", views.thread, name="thread"),
    path("<int:pk>/read/", views.read, name="thread-read"),
    path("<int:pk>/unread/", views.mark_unread, name="thread-unread"),
    path("<int:pk>/close/", views.close, name="thread-close"),
    path("<int:pk>/reopen/", views.reopen, name="thread-reopen"),
]
