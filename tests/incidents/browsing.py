"""What a browser sends."""

import uuid
from io import BytesIO

from django.test import Client
from PIL import Image

from incidents.models import Incident


def picture(colour: str = "red") -> BytesIO:
    file = BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "JPEG")
    file.seek(0)
    file.name = "photo.jpg"
    return file


def url_of(matter: Incident, action: str = "") -> str:
    return f"/incidents/{matter.pk}/" + (f"actions/{action}/" if action else "")


def send(client: Client, matter: Incident, action: str, **data):
    """The form as the page sends it: with the version as read and a name of its own."""
    body = {"client_uuid": str(uuid.uuid4()), "version": matter.version} | data
    return client.post(url_of(matter, action), body)


def rows(text: str) -> int:
    return text.count('class="main"')
