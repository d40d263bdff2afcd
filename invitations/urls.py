from django.urls import path

from invitations.views import audit, guest, portal, redeem, settings, unwanted

app_name = "invitations"

urlpatterns = [
    path("", redeem.home, name="home"),
    path("redeem/at/<slug:handle>/", redeem.landing, name="landing"),
    path("redeem/at/<slug:handle>/other/", redeem.other, name="other"),
    path("redeem/at/<slug:handle>/prove/", redeem.prove, name="prove"),
    path("redeem/<str:ticket>", redeem.redeem, name="redeem"),
    path("unwanted/at/<slug:handle>/", unwanted.choices, name="unwanted_choices"),
    path("unwanted/<str:ticket>", unwanted.unwanted, name="unwanted"),
    path("guests/", portal.guests, name="guests"),
    path("guests/invite/", portal.invite, name="invite"),
    path("guests/selection/", guest.selection, name="selection"),
    path("guests/<uuid:entry_id>/", guest.guest, name="guest"),
    path("guests/<uuid:entry_id>/do/<slug:action>/", guest.act, name="act"),
    path("guests/<uuid:entry_id>/resend/", portal.resend, name="resend"),
    path("guests/<uuid:entry_id>/revoke/", portal.revoke, name="revoke"),
    path("guests/<uuid:entry_id>/link/", portal.link, name="link"),
    path("settings/contacts/", guest.contacts, name="contacts"),
    path("settings/invitations/", settings.policies, name="policies"),
    path("audit/", audit.audit, name="audit"),
    path("audit/export/", audit.export, name="audit_export"),
]
