"""What came after Chromium 86: names to look for in CSS and JavaScript, with the version that brought them (MDN)."""

from __future__ import annotations

import re

# Media features that an old browser does not know (forced-colors, prefers-contrast) never match there: nothing to look for.
CSS_NEWER: dict[str, tuple[int, str]] = {
    ":has()": (105, r":has\("),
    ":is()": (88, r":is\("),
    ":where()": (88, r":where\("),
    ":not() with a list": (88, r":not\((?:[^(),]|\([^()]*\))+,"),
    ":dir()": (120, r":dir\("),
    ":user-valid": (119, r":user-(?:in)?valid"),
    ":modal, :popover-open": (105, r":(?:modal|popover-open)\b"),
    "::file-selector-button": (89, r"(?<!-webkit)::file-selector-button"),
    "@layer": (99, r"@layer\b"),
    "@container": (105, r"@container\b"),
    "@scope": (118, r"@scope\b"),
    "@starting-style": (117, r"@starting-style\b"),
    "@counter-style": (91, r"@counter-style\b"),
    "page margin boxes": (131, r"@(?:top|bottom)-(?:left|center|right)\b"),
    "media range": (104, r"@media[^{]*\([^()]*[<>]"),
    "nesting": (112, r"[{;]\s*&"),
    "color functions": (111, r"\b(?:color-mix|oklch|oklab|lch|lab|hwb|light-dark)\("),
    "math functions": (111, r"[\s:(,](?:round|mod|rem|sin|cos|tan|pow|sqrt|hypot)\("),
    "newer units": (105, r"\d(?:[dsl]v[hwib]|[dsl]vm(?:in|ax)|cq[whib]|cqm(?:in|ax)|lh|rlh)\b"),
    "inset": (87, r"[{;\s]inset(?:-(?:inline|block)(?:-(?:start|end))?)?\s*:"),
    "logical shorthands": (87, r"[{;\s](?:margin|padding|border)-(?:inline|block)\s*:"),
    "aspect-ratio": (88, r"[{;\s]aspect-ratio\s*:"),
    "accent-color": (93, r"[{;\s]accent-color\s*:"),
    "text-underline-offset": (87, r"[{;\s]text-(?:underline-offset|decoration-thickness)\s*:"),
    "text-wrap": (114, r"[{;\s]text-wrap(?:-style|-mode)?\s*:"),
    "text-emphasis": (99, r"[{;\s]text-emphasis"),
    "single transforms": (104, r"[{;\s](?:translate|rotate|scale)\s*:"),
    "overflow: clip": (90, r"overflow(?:-[xy])?\s*:\s*clip"),
    "scrollbar-gutter": (94, r"[{;\s]scrollbar-(?:gutter|width|color)\s*:"),
    "forced-color-adjust": (89, r"[{;\s]forced-color-adjust\s*:"),
    "print-color-adjust": (136, r"[{;\s]print-color-adjust\s*:"),
    "mask": (120, r"[{;\s]mask(?:-image|-size|-position|-repeat)?\s*:"),
    "image-set": (113, r"[\s:,]image-set\("),
    "subgrid": (117, r":\s*subgrid"),
    "font metrics": (87, r"[{;\s](?:ascent-override|descent-override|size-adjust)\s*:"),
    "field-sizing": (123, r"[{;\s](?:field-sizing|interpolate-size)\s*:"),
}

# Globals and methods, by the way they are reached. Syntax is found by the compiler, see test_browser_floor.py.
JS_NEWER: dict[str, int] = {
    ".at": 92,
    "Object.hasOwn": 93,
    "structuredClone": 98,
    ".findLast": 97,
    ".findLastIndex": 97,
    ".randomUUID": 92,
    "AbortSignal.timeout": 103,
    "AbortSignal.any": 116,
    "Array.fromAsync": 121,
    "Object.groupBy": 117,
    "Map.groupBy": 117,
    ".toSorted": 110,
    ".toReversed": 110,
    ".toSpliced": 110,
    "Promise.withResolvers": 119,
    "Promise.try": 128,
    "URL.canParse": 120,
    ".showPopover": 114,
    ".startViewTransition": 111,
    ".moveBefore": 133,
    ".checkVisibility": 105,
    ".userAgentData": 90,
    ".isWellFormed": 111,
    "Intl.Segmenter": 87,
    "Intl.supportedValuesOf": 99,
    "Intl.DurationFormat": 129,
    "URLPattern": 95,
    "reportError": 95,
    "Iterator.from": 122,
    "RegExp.escape": 136,
    "scheduler.postTask": 94,
    "scheduler.yield": 129,
}
SELECTOR_NEWER = re.compile(r"""["'`][^"'`\n]*:(?:has|is|where)\(""")

# Reviewed: path -> feature -> why an older browser loses nothing that matters. No such list for JavaScript.
CSS_ALLOWED: dict[str, dict[str, str]] = {
    "css/print.css": {
        "page margin boxes": "page x / y; an older browser drops the rule and prints its own header and footer",
    },
    "vendor/bootstrap.css": {
        "::file-selector-button": "look of the button inside a file input",
        "mask": "written beside -webkit-mask; placeholders only",
        "print-color-adjust": "written beside -webkit-print-color-adjust",
        "text-underline-offset": "distance of an underline",
    },
    "admin/css/changelists.css": {
        ":has()": "tint of selected rows; the tick in front of them stays",
    },
    "admin/css/unusable_password_field.css": {
        ":has()": "hides the field that does not apply; the admin's own script does it where :has() is unknown",
    },
    "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css": {
        ":has()": "spacing and width of boxes in the API docs",
        "@container": "narrower layout of the API docs on small screens",
        "forced-color-adjust": "inside @media (forced-colors), which older browsers skip",
        "mask": "written beside -webkit-mask",
    },
}

# Shipped inside packages and never linked by a page: path prefix -> why. A test looks for links to them.
NEVER_LINKED: dict[str, str] = {
    "django_htmx/": "pages load vendor/htmx.js",
    "rest_framework/": "the browsable API is off",
    "drf_spectacular_sidecar/redoc/": "the docs page is Swagger UI",
}


def css_newer(text: str) -> set[str]:
    """Names of the features in a style sheet that Chromium 86 does not know."""
    plain = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    plain = re.sub(r"url\((?:\"[^\"]*\"|'[^']*'|[^)]*)\)", "url()", plain)
    return {name for name, (_, pattern) in CSS_NEWER.items() if re.search(pattern, plain)}


def js_newer(code: str) -> set[str]:
    """Names that a script (comments stripped) uses without defining them itself or asking first whether they exist."""
    found = {name for name in JS_NEWER if _calls(name, code) and not _asks_or_defines(name, code)}
    for match in SELECTOR_NEWER.finditer(code):
        if "try" not in code[max(0, match.start() - 160) : match.start()]:
            found.add(match[0])
    return found


def _calls(name: str, code: str) -> bool:
    before = "" if name.startswith(".") else r"(?<![\w$.])(?:window\.|globalThis\.)?"
    return re.search(before + re.escape(name) + r"\(", code) is not None


def _asks_or_defines(name: str, code: str) -> bool:
    word = re.escape(name.rpartition(".")[2])
    asks = (
        rf"""\b{word}(?:\)?(?:&&|\|\||\?|\)|!==|===|!=|==))|typeof [\w$.]*\b{word}\b|["']{word}["'] ?in\b"""
    )
    defines = rf"""[\w$]\.{word}=|\b{word}:(?:async )?(?:function|\()|\bfunction {word}\(|[{{}},;]{word}\([\w$,=]*\)\{{"""
    return re.search(f"{asks}|{defines}", code) is not None
