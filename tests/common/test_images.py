import hashlib
import random
import struct
import zlib
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image, ImageDraw

from gridgov.common import images
from gridgov.common.images import BadImage, re_encode, thumbnail

RED, BLUE = (250, 10, 10), (10, 10, 250)


def photo(size=(640, 480), *, kind="JPEG", mode="RGB", **options):
    """Left half red, right half blue."""
    image = Image.new("RGB", size, RED)
    ImageDraw.Draw(image).rectangle((size[0] // 2, 0, *size), fill=BLUE)
    target = BytesIO()
    image.convert(mode).save(target, kind, **options)
    return target.getvalue()


def exif(*, orientation=1):
    data = Image.Exif()
    data[0x010F] = "CanaryCamera"
    data[0x0112] = orientation
    data.get_ifd(0x8825).update({1: "N", 2: (34.0, 30.0, 0.0), 3: "E", 4: (117.0, 30.0, 0.0)})
    return data


def opened(picture):
    return Image.open(BytesIO(picture.data))


def near(pixel, colour):
    return all(abs(a - b) < 40 for a, b in zip(pixel, colour, strict=True))


def code_of(data):
    with pytest.raises(BadImage) as refusal:
        re_encode(data)
    return refusal.value.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_re_encode_makes_a_jpeg_of_every_accepted_format(kind):
    picture = re_encode(BytesIO(photo(kind=kind)))
    assert (picture.content_type, picture.width, picture.height) == ("image/jpeg", 640, 480)
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    assert near(opened(picture).getpixel((10, 10)), RED)
    assert near(opened(picture).getpixel((630, 10)), BLUE)


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "1", "I;16", "LA", "RGBA"])
def test_re_encode_reads_every_colour_mode(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    source = photo(kind=kind, mode="L" if mode == "I;16" else mode)
    if mode == "I;16":
        target = BytesIO()
        Image.new("I;16", (64, 64), 40_000).save(target, "PNG")
        source = target.getvalue()
        assert near(opened(re_encode(source)).getpixel((5, 5)), (156, 156, 156))
    assert opened(re_encode(source)).mode == "RGB"


def test_re_encode_leaves_position_camera_comment_and_profile_behind():
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>CanaryXmp</x:xmpmeta>"
    source = photo(exif=exif(), xmp=xmp, comment=b"CanaryComment", icc_profile=b"CanaryProfile" * 20)
    for canary in (b"CanaryCamera", b"CanaryXmp", b"CanaryComment", b"CanaryProfile"):
        assert canary in source
    assert Image.open(BytesIO(source)).getexif().get_ifd(0x8825)
    picture = re_encode(source)
    assert b"Canary" not in picture.data
    assert b"Exif" not in picture.data
    assert not opened(picture).getexif()
    assert not opened(picture).getexif().get_ifd(0x8825)
    assert set(opened(picture).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_re_encode_leaves_position_and_camera_of_a_heic_behind():
    source = photo(kind="HEIF", exif=exif())
    assert b"CanaryCamera" in source
    picture = re_encode(source)
    assert b"Canary" not in picture.data
    assert not opened(picture).getexif()


def test_re_encode_leaves_text_chunks_and_attached_bytes_behind():
    source = photo(kind="PNG", exif=exif()) + b"<script>Canary</script>"
    assert b"Canary" not in re_encode(source).data


def test_re_encode_turns_the_picture_upright():
    picture = re_encode(photo(exif=exif(orientation=6)))  # to be turned clockwise: red goes up
    assert (picture.width, picture.height) == (480, 640)
    assert near(opened(picture).getpixel((240, 10)), RED)
    assert near(opened(picture).getpixel((240, 630)), BLUE)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow warns and goes on
def test_re_encode_reads_a_photo_whose_exif_is_broken():
    source = photo(exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff" + b"\xff" * 40)
    assert re_encode(source).width == 640


def test_re_encode_scales_large_photos_down_and_leaves_small_ones():
    large = re_encode(photo((5200, 2600)))
    assert (large.width, large.height) == (2560, 1280)
    assert re_encode(photo((2560, 100))).width == 2560
    assert re_encode(photo((1, 1))).width == 1


def test_re_encode_puts_transparency_on_white():
    target = BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(target, "PNG")
    assert near(opened(re_encode(target.getvalue())).getpixel((5, 5)), (255, 255, 255))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_re_encode_takes_the_first_frame_of_an_animation(kind):
    target = BytesIO()
    frames = [Image.new("RGB", (30, 30), colour) for colour in (RED, BLUE, BLUE)]
    frames[0].save(target, kind, save_all=True, append_images=frames[1:], duration=50, lossless=True)
    assert near(opened(re_encode(target.getvalue())).getpixel((5, 5)), RED)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj",
        b"\xff\xd8\xff\xe0" + b"<script>alert(1)</script>" * 20,
        b"\x89PNG\r\n\x1a\n",
        photo(kind="GIF"),
        photo(kind="TIFF"),
        photo(kind="BMP"),
    ],
)
def test_re_encode_refuses_what_is_no_photo(content):
    assert code_of(content) == "not_an_image"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_re_encode_refuses_half_a_photo(kind):
    noise = random.Random(1).randbytes(200 * 200 * 3)
    target = BytesIO()
    Image.frombytes("RGB", (200, 200), noise).save(target, kind)
    data = target.getvalue()
    assert code_of(data[: len(data) // 2]) in ("damaged_image", "not_an_image")


def test_re_encode_refuses_a_file_that_is_too_large(monkeypatch, settings):
    monkeypatch.setitem(settings.UPLOAD_LIMITS, "photo", 1000)
    assert code_of(photo() + b"x" * 1000) == "image_too_large"


def png_of(width, height):
    """A valid header over next to nothing: decoding would take width * height * 3 bytes."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\x00" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_100, 10_000, 15_000, 65_000])
def test_re_encode_refuses_too_many_pixels_before_decoding_them(side):
    assert code_of(png_of(side, side)) == "too_many_pixels"


def test_re_encode_refuses_a_bomb_of_png_text():
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    bomb = chunk(b"zTXt", b"a\x00\x00" + zlib.compress(b"\x00" * (80 << 20), 9))
    source = photo(kind="PNG")
    assert code_of(source[:33] + bomb + source[33:]) in ("not_an_image", "damaged_image")


def test_thumbnail_fits_the_side():
    small = Image.open(BytesIO(thumbnail(re_encode(photo((2000, 1000))).data)))
    assert small.size == (480, 240)
    tiny = Image.open(BytesIO(thumbnail(re_encode(photo((100, 50))).data, side=480)))
    assert tiny.size == (100, 50)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns and goes on
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_re_encode_of_mutated_photos_answers_or_refuses(kind):
    source = photo((160, 120), kind=kind, exif=exif())
    for seed in range(200):
        dice = random.Random(f"{kind} {seed}")
        data = bytearray(source)
        for _ in range(dice.randint(1, 12)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if dice.random() < 0.2:
            del data[dice.randrange(len(data)) :]
        with suppress(BadImage):
            picture = re_encode(bytes(data))
            assert max(picture.width, picture.height) <= images.MAX_SIDE, seed
