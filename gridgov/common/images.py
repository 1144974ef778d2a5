"""Photos that come in. Whatever is kept was decoded and encoded anew: a clean JPEG without metadata or attached bytes."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps
from pillow_heif import register_heif_opener

from gridgov.common.errors import Invalid

register_heif_opener()  # what iPhones take

MAX_PIXELS = 50_000_000
MAX_SIDE = 2560
QUALITY = 85
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
WHITE = (255, 255, 255)


class BadImage(Invalid):
    """A file that is no usable photo. Codes: image_too_large, not_an_image, too_many_pixels, damaged_image."""

    code = "bad_image"


@dataclass(frozen=True, slots=True)
class Picture:
    """`sha256` is of `data`, the bytes that are kept, not of the file that came."""

    data: bytes
    content_type: str
    width: int
    height: int
    sha256: str


def re_encode(file: BinaryIO | bytes) -> Picture:
    """Turns a JPEG, PNG, WebP or HEIC (by content; the first frame) upright, into at most 2560 pixels a side. Raises BadImage.

    Transparency becomes white. EXIF with its GPS position, XMP, comments and colour profiles are left behind.
    """
    data = _read(file)
    image = _opened(data)
    try:
        image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a JPEG decodes directly to a smaller size
        image.load()
    except Exception as error:  # decoders raise whatever they trip over
        raise BadImage(
            _("The photo is damaged or incomplete. Send it again."), code="damaged_image"
        ) from error
    upright = _upright(image)
    upright.thumbnail((MAX_SIDE, MAX_SIDE))
    return _picture(_on_white(upright), quality=QUALITY)


def thumbnail(data: bytes, *, side: int = 480) -> bytes:
    """A small JPEG of a picture that re_encode made."""
    image = Image.open(BytesIO(data), formats=("JPEG",))
    image.draft("RGB", (side, side))
    image.thumbnail((side, side))
    return _picture(_on_white(image), quality=80).data


def _read(file: BinaryIO | bytes) -> bytes:
    most = settings.UPLOAD_LIMITS["photo"]
    if isinstance(file, bytes):
        data = file
    else:
        file.seek(0)
        data = file.read(most + 1)
    if len(data) > most:
        detail = format_lazy(_("The photo is larger than {megabytes} MB."), megabytes=most >> 20)
        raise BadImage(detail, code="image_too_large")
    return data


def _opened(data: bytes) -> Image.Image:
    """Reads only the header: the size is known before a pixel is decoded."""
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except Exception as error:  # decoders raise whatever they trip over
        detail = _("This is not a photo that can be read. Use JPEG, PNG, WebP or HEIC.")
        raise BadImage(detail, code="not_an_image") from error
    if image.width * image.height > MAX_PIXELS:
        raise _too_many_pixels()
    return image


def _too_many_pixels() -> BadImage:
    detail = _("The photo has more than {megapixels} million pixels.")
    return BadImage(format_lazy(detail, megapixels=MAX_PIXELS // 1_000_000), code="too_many_pixels")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - broken EXIF must not cost the worker a readable photo
        return image.copy()


def _on_white(image: Image.Image) -> Image.Image:
    """A new picture of nothing but pixels: what the old one carried beside them stays behind."""
    clean = Image.new("RGB", image.size, WHITE)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        clean.paste(layer, mask=layer.getchannel("A"))
    else:
        clean.paste(_eight_bits(image).convert("RGB"))
    return clean


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scanners make greys of 16 bits, which Pillow would cut off at 255: a white picture."""
    if not image.mode.startswith("I"):
        return image
    return image.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")


def _picture(image: Image.Image, *, quality: int) -> Picture:
    target = BytesIO()
    image.save(target, "JPEG", quality=quality, optimize=True)
    data = target.getvalue()
    return Picture(data, "image/jpeg", image.width, image.height, hashlib.sha256(data).hexdigest())
