"""The pages of routes."""

from django.urls import path

from smsadmin.routing import views

urlpatterns = [
    path("", views.routes, name="routes"),
    path("new/", views.new, name="route-new"),
    path("<int:pk>/", views.route, name="route"),
    path("<int:pk>/move/", views.move, name="route-move"),
    path("<int:pk>/switch/", views.switch, name="route-switch"),
    path("<int:pk>/delete/", views.delete, name="route-delete"),
]
