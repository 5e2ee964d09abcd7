from django.urls import path

from smsadmin.quotas import held_views, recount_views, rule_views, views

urlpatterns = [
    path("", views.quotas, name="quotas"),
    path("held/", held_views.held_messages, name="quota-held"),
    path("held/decide/", held_views.decide, name="quota-held-decide"),
    path("numbers/<int:pk>/", views.number, name="quota-number"),
    path("users/<int:pk>/", views.user, name="quota-user"),
    path("rules/", rule_views.rule_list, name="quota-rules"),
    path("rules/new/", rule_views.new_rule, name="quota-rule-new"),
    path("rules/share/", rule_views.change_share, name="quota-share"),
    path("rules/<int:pk>/", rule_views.rule, name="quota-rule"),
    path("rules/<int:pk>/replace/", rule_views.replace, name="quota-rule-replace"),
    path("rules/<int:pk>/switch/", rule_views.switch, name="quota-rule-switch"),
    path("rules/<int:pk>/delete/", rule_views.delete, name="quota-rule-delete"),
    path("recounts/", recount_views.recounts, name="quota-recounts"),
    path("recounts/now/", recount_views.recount_now, name="quota-recount"),
]
