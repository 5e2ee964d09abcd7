from django.urls import path

from smsadmin.pacing import views

urlpatterns = [path("<int:pk>/queue/", views.account_queue, name="connection-queue")]
