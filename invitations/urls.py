from django.urls import path

from invitations.views import (
    audit,
    contacts,
    groups,
    guest,
    portal,
    redeem,
    selection,
    settings,
    unwanted,
    worker,
)

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
    path("guests/selection/", selection.selection, name="selection"),
    path("guests/<uuid:entry_id>/", guest.guest, name="guest"),
    path("guests/<uuid:entry_id>/do/<slug:action>/", guest.act, name="act"),
    path("guests/<uuid:entry_id>/resend/", portal.resend, name="resend"),
    path("guests/<uuid:entry_id>/revoke/", portal.revoke, name="revoke"),
    path("guests/<uuid:entry_id>/link/", portal.link, name="link"),
    path("groups/", groups.groups, name="groups"),
    path("groups/new/", groups.new_group, name="new_group"),
    path("groups/<uuid:group_id>/", groups.group, name="group"),
    path("groups/<uuid:group_id>/edit/", groups.edit_group, name="edit_group"),
    path("groups/<uuid:group_id>/remove/", groups.remove_group, name="remove_group"),
    path("invite/", worker.share, name="share"),
    path("invite/<uuid:entry_id>/resend/", worker.resend, name="share_resend"),
    path("invite/<uuid:entry_id>/correct/", worker.correct, name="share_correct"),
    path("invite/<uuid:entry_id>/end/", worker.end, name="share_end"),
    path("settings/contacts/", contacts.contacts, name="contacts"),
    path("settings/invitations/", settings.policies, name="policies"),
    path("audit/", audit.audit, name="audit"),
    path("audit/export/", audit.export, name="audit_export"),
]
