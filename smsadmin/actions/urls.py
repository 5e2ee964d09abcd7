from django.urls import path

from smsadmin.actions import listing, versions, views

urlpatterns = [
    path("", listing.actions, name="actions"),
    path("new/", views.new, name="action-new"),
    path("<int:pk>/", views.action, name="action"),
    path("<int:pk>/versions/", versions.versions, name="action-versions"),
    path("<int:pk>/versions/<int:number>/", versions.version, name="action-version"),
]
