from django.urls import path

from smsadmin.consent import review_views, settings_views, views

urlpatterns = [
    path("", views.opt_outs, name="opt-outs"),
    path("add/", views.add, name="opt-out-add"),
    path("import/", views.bring_in, name="opt-outs-import"),
    path("export/", views.export, name="opt-outs-export"),
    path("retry/", views.retry, name="opt-outs-retry"),
    path("review/", review_views.review, name="opt-outs-review"),
    path("settings/", settings_views.policy, name="opt-outs-settings"),
    path("settings/property/", settings_views.create_property, name="opt-outs-property"),
    path("recipe/", settings_views.recipe, name="opt-outs-recipe"),
    path("<int:pk>/", views.opt_out, name="opt-out"),
    path("<int:pk>/change/", views.change, name="opt-out-change"),
]
