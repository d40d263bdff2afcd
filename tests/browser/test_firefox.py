"""The other engine: what the policy says of forms is read differently by Firefox."""

import json
import shutil
import subprocess
from pathlib import Path

from tests import npm
from tests.browser.conftest import Foyer
from tests.browser.walk import code_of

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
GUEST = "catering@tailspin.example"


def test_a_direct_link_leads_in_with_firefox(foyer: Foyer, tmp_path: Path) -> None:
    """C09: the post that ends at another origin, under the production policy; then, without the
    app's cookie, back in without a page of ours."""
    npm.needs(FIREFOX is not None, "Debian's firefox-esr")
    folder = npm.install(Path(__file__).parent / "npm", tmp_path / "npm")
    room = f"{foyer.room}/fabrikam/"
    told = {"firefox": FIREFOX, "room": room, "address": GUEST, "cookie": "project-room-session"}
    with subprocess.Popen(  # noqa: S603
        [str(npm.NODE), "firefox.mjs"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as guest:
        assert guest.stdin
        assert guest.stdout
        guest.stdin.write(json.dumps(told) + "\n")
        guest.stdin.flush()
        assert guest.stdout.readline() == "code\n"
        said, _ = guest.communicate(code_of(foyer.mail_to(GUEST, "code")) + "\n", timeout=120)
    seen = json.loads(said)
    assert seen["review"].startswith(f"{foyer.origin}/o/fabrikam/")
    assert seen["entered"] == room
    assert seen["shown"] == [room]
