"""What a browser sends of a form that it shows: nothing but what is offered."""

from html.parser import HTMLParser


class _Sent(HTMLParser):
    def __init__(self, of: str) -> None:
        super().__init__()
        self.of, self.inside = of, False
        self.values: dict[str, list[str]] = {}
        self.select: dict[str, str | None] | None = None
        self.offered: list[str] = []
        self.chosen: list[str] = []
        self.area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "form":
            self.inside = self.of in (given.get("class") or given.get("id") or "").split()
        elif not self.inside:
            return
        elif tag == "input" and given.get("type") not in ("submit", "file"):
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self.values.setdefault(name, []).append(value or ("on" if "checked" in given else ""))
        elif tag == "select":
            self.select, self.offered, self.chosen = given, [], []
        elif tag == "option":
            self.offered.append(value)
            self.chosen += [value] if "selected" in given else []
        elif tag == "textarea":
            self.area = name
            self.values[name] = [""]

    def handle_data(self, data: str) -> None:
        if self.area:
            self.values[self.area][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self.select is not None:
            many = "multiple" in self.select
            chosen = self.chosen if many else (self.chosen or self.offered)[:1]
            if chosen:
                self.values.setdefault(self.select["name"] or "", []).extend(chosen)
            self.select = None
        elif tag == "textarea":
            self.area = ""
        elif tag == "form":
            self.inside = False


def sent(page: str, of: str) -> dict[str, list[str]]:
    """Name -> values of the form that has `of` as a class, or as its id."""
    read = _Sent(of)
    read.feed(page)
    return read.values
