"""How passwords are stored."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class FoyerArgon2Hasher(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes, one lane: OWASP's parameters (A09)."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
