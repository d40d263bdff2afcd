from django.urls import path

from consent.views import privacy, review

app_name = "consent"

urlpatterns = [
    path("consent/review/<slug:handle>/", review.review, name="review"),
    path("privacy/", privacy.statement, name="statement"),
    path("privacy/<int:version>/", privacy.statement, name="statement_version"),
    path("terms/", privacy.terms_of_use, name="terms_of_use"),
    path("terms/<int:version>/", privacy.terms_of_use, name="terms_of_use_version"),
    path("settings/privacy/", privacy.privacy, name="privacy"),
    path("settings/terms/", privacy.terms, name="terms"),
]
