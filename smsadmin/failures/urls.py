from django.urls import path

from smsadmin.failures import views

urlpatterns = [
    path("", views.failures, name="failures"),
    path("<str:cause>/", views.decide, name="failure"),
]
