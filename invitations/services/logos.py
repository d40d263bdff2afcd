"""A logo, made anew from whatever was uploaded: nothing of the file itself is ever served."""

import io
import struct
import zlib

from PIL import Image, UnidentifiedImageError

from invitations.errors import FieldError

LARGEST_UPLOAD = 512 * 1024
LARGEST_SIDE = 4096
SIDE = 192
FORMATS = ("PNG", "JPEG", "WEBP")


def clean_logo(upload: bytes) -> bytes:
    """PNG of at most 192 × 192 without metadata; `FieldError` for `logo` otherwise.

    Takes PNG, JPEG and WebP up to 512 KiB and 4096 pixels a side; the header is read before any
    pixel is, so that a small file cannot unpack into a large picture.
    """
    if len(upload) > LARGEST_UPLOAD:
        raise FieldError("logo", "long")
    try:
        with Image.open(io.BytesIO(upload), formats=FORMATS) as picture:
            if max(picture.size) > LARGEST_SIDE:
                raise FieldError("logo", "long")
            small = picture.convert("RGBA")
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        ValueError,
        SyntaxError,
        # What its readers stumble over in a file that is cut or made up.
        ArithmeticError,
        LookupError,
        TypeError,
        struct.error,
        zlib.error,
    ) as error:
        raise FieldError("logo", "picture") from error
    small.thumbnail((SIDE, SIDE))
    made = io.BytesIO()
    small.save(made, format="PNG", optimize=True)
    return made.getvalue()
