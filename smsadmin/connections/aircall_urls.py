from django.urls import path

from smsadmin.connections import aircall_pages

#: Aircall knows both: as `install_uri` and `redirect_uri` of the app.
urlpatterns = [
    path("install", aircall_pages.install, name="aircall-install"),
    path("callback", aircall_pages.callback, name="aircall-oauth-callback"),
]
