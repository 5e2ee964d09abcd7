from django.urls import path

from smsadmin.flows import hosts, listing, runs, settings_pages, trying, versions, views

urlpatterns = [
    path("", listing.flows, name="flows"),
    path("new/", views.new, name="flow-new"),
    path("runs/", runs.runs, name="flow-runs"),
    path("runs/<uuid:pk>/", runs.run, name="flow-run"),
    path("hosts/", hosts.hosts, name="fetch-hosts"),
    path("hosts/<int:pk>/", hosts.host, name="fetch-host"),
    path("hosts/<int:pk>/remove/", hosts.remove, name="fetch-host-remove"),
    path("<int:pk>/", views.flow, name="flow"),
    path("<int:pk>/settings/", settings_pages.settings, name="flow-settings"),
    path("<int:pk>/starts/new/", settings_pages.start_new, name="flow-start-new"),
    path("<int:pk>/starts/<int:start_pk>/", settings_pages.start, name="flow-start"),
    path("<int:pk>/starts/<int:start_pk>/remove/", settings_pages.start_remove, name="flow-start-remove"),
    path("<int:pk>/try/", trying.trying, name="flow-try"),
    path("<int:pk>/runs/", runs.runs, name="flow-runs-of"),
    path("<int:pk>/versions/", versions.versions, name="flow-versions"),
    path("<int:pk>/versions/<int:number>/", versions.version, name="flow-version"),
]
