from django.urls import path

from smsadmin.connections import views

urlpatterns = [
    path("", views.connections, name="connections"),
    path("new/<str:kind>/", views.new_connection, name="connection-new"),
    path("<int:pk>/", views.connection, name="connection"),
    path("<int:pk>/test/", views.test_connection, name="connection-test"),
    path("<int:pk>/webhook/", views.connection_webhook, name="connection-webhook"),
    path("<int:pk>/delete/", views.delete_connection, name="connection-delete"),
]
