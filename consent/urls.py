from django.urls import path

from consent.views import enter, privacy, review

app_name = "consent"

urlpatterns = [
    path("enter/", enter.enter, name="enter"),
    path("enter/code/", enter.enter_code, name="enter_code"),
    path("consent/review/", review.review, name="review_direct"),
    path("consent/again/", enter.again, name="again"),
    path("consent/terms/", enter.accept_terms, name="accept_terms"),
    path("consent/review/<slug:handle>/", review.review, name="review"),
    path("privacy/", privacy.statement, name="statement"),
    path("privacy/<int:version>/", privacy.statement, name="statement_version"),
    path("terms/", privacy.terms_of_use, name="terms_of_use"),
    path("terms/<int:version>/", privacy.terms_of_use, name="terms_of_use_version"),
    path("settings/privacy/", privacy.privacy, name="privacy"),
    path("settings/terms/", privacy.terms, name="terms"),
]
