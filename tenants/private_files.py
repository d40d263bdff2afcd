"""Files with secrets in them. Pure."""

from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step by one that only we may read."""
    draft = path.with_suffix(".part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)
