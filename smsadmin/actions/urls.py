from django.urls import path

from smsadmin.actions import views

urlpatterns = [
    path("", views.actions, name="actions"),
    path("new/", views.new, name="action-new"),
    path("<int:pk>/", views.action, name="action"),
    path("<int:pk>/switch/", views.switch, name="action-switch"),
    path("choices/", views.choices, name="action-choices"),
    path("measure/", views.measure, name="action-measure"),
]
