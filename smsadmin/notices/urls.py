from django.urls import path

from smsadmin.notices import views

urlpatterns = [
    path("", views.notices, name="notices"),
    path("dismiss/", views.dismiss_all, name="notices-dismiss"),
    path("<uuid:pk>/dismiss/", views.dismiss, name="notice-dismiss"),
    path("deliveries/<int:pk>/again/", views.again, name="notice-again"),
    path("rules/", views.rules, name="notice-rules"),
    path("rules/new/", views.new_rule, name="notice-rule-new"),
    path("rules/<int:pk>/", views.rule, name="notice-rule"),
    path("rules/<int:pk>/switch/", views.switch_rule, name="notice-rule-switch"),
    path("rules/<int:pk>/delete/", views.delete_rule, name="notice-rule-delete"),
    path("rules/<int:pk>/sample/<str:channel>/", views.send_sample, name="notice-sample"),
    path("webhooks/new/", views.new_endpoint, name="notice-endpoint-new"),
    path("webhooks/<int:pk>/", views.endpoint, name="notice-endpoint"),
    path("webhooks/<int:pk>/secret/", views.renew_secret, name="notice-endpoint-secret"),
    path("webhooks/<int:pk>/delete/", views.delete_endpoint, name="notice-endpoint-delete"),
]
