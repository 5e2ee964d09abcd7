from django.urls import path

from smsadmin.trials import views

urlpatterns = [
    path("", views.test_numbers, name="test-numbers"),
    path("<int:pk>/", views.test_number, name="test-number"),
    path("<int:pk>/send/", views.send, name="test-number-send"),
    path("<int:pk>/verify/", views.verify, name="test-number-verify"),
    path("<int:pk>/remove/", views.remove, name="test-number-remove"),
]
