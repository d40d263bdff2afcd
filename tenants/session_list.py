"""allauth's list of sessions, told of a sign-in by one statement instead of three."""

from importlib import import_module

from allauth.usersessions.apps import UserSessionsConfig
from django.contrib.auth.signals import user_logged_out


class SessionListConfig(UserSessionsConfig):
    """allauth's app with our receiver in the place of its own."""

    def ready(self) -> None:
        # Models, and what uses them, exist from here on only.
        signals = import_module("allauth.account.signals")
        accounts = import_module("tenants.accounts")
        for signal in (signals.user_logged_in, signals.password_set, signals.password_changed):
            signal.connect(accounts.remember_session)
        user_logged_out.connect(accounts.forget_session)
