from django.urls import path

from smsadmin.classic import views

urlpatterns = [
    path("", views.classic, name="classic"),
    path("steps/<int:pk>/moved/", views.mark_moved, name="classic-moved"),
]
