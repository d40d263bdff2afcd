"""What gunicorn serves."""

import os

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

UTF_8 = frozenset({"utf-8", "utf8"})
# Every byte is a character of it, so that reading never fails.
HARMLESS = "iso-8859-1"


class Request(WSGIRequest):
    """Whatever charset a client names is looked up among Python's codecs, of which some read no
    text (`rot13`) or not any (`idna`), and the query is read with it while the request is made:
    what goes wrong there is nobody's to answer. All but UTF-8 are read as one that fits, later;
    Django refuses ordinary forms in it (400)."""

    _encoding: str | None = None

    @property
    def encoding(self) -> str | None:
        return self._encoding

    @encoding.setter
    def encoding(self, named: str | None) -> None:
        fits = named is None or named.lower() in UTF_8
        self._encoding = named if fits else HARMLESS
        for read in ("GET", "_post"):
            self.__dict__.pop(read, None)


class Application(WSGIHandler):
    request_class = Request


django.setup(set_prefix=False)
application = Application()
