from django.urls import path

from smsadmin.connections import publish_views

urlpatterns = [
    path("", publish_views.hubspot_action, name="hubspot-action"),
    path("definition.json", publish_views.download_definition, name="hubspot-definition"),
    path("project.zip", publish_views.download_project, name="hubspot-project"),
    path("<str:generation>/compare/", publish_views.compare, name="hubspot-action-compare"),
    path("<str:generation>/create/", publish_views.create, name="hubspot-action-create"),
    path("<str:generation>/<str:step>/", publish_views.change, name="hubspot-action-change"),
]
