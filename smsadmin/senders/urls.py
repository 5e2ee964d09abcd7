from django.urls import path

from smsadmin.senders import views

urlpatterns = [
    path("", views.sender_ids, name="sender-ids"),
    path("new/", views.new, name="sender-id-new"),
    path("countries/", views.countries, name="sender-id-countries"),
    path("countries/<str:code>/", views.country, name="sender-id-country"),
    path("countries/<str:code>/back/", views.back, name="sender-id-country-back"),
    path("<int:pk>/", views.sender_id, name="sender-id"),
    path("<int:pk>/withdraw/", views.withdraw, name="sender-id-withdraw"),
]
