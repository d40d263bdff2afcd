"""Contenders of `tests.load.provider`: each in a process, and the two rivals in an environment of
their own, which knows nothing of Foyer but this folder."""
