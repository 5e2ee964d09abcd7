from django.urls import include, path

from smsadmin.connections import hubspot_pages, twilio_pages, views

urlpatterns = [
    path("", views.connections, name="connections"),
    path("new/<str:kind>/", views.new_connection, name="connection-new"),
    path("hubspot-action/", include("smsadmin.connections.publish_urls")),
    path("<int:pk>/", views.connection, name="connection"),
    path("<int:pk>/test/", views.test_connection, name="connection-test"),
    path("<int:pk>/webhook/", views.connection_webhook, name="connection-webhook"),
    path("hubspot/install/", hubspot_pages.install, name="hubspot-install"),
    path("<int:pk>/uninstall/", hubspot_pages.uninstall, name="hubspot-uninstall"),
    path("<int:pk>/incoming/", twilio_pages.incoming, name="twilio-incoming"),
    path("<int:pk>/error-codes/", twilio_pages.error_codes, name="error-codes"),
    path("<int:pk>/delete/", views.delete_connection, name="connection-delete"),
]
