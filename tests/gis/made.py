"""How a page is made: taken apart by the standard library's parser, and what is wrong with it."""

import re
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "input", "br", "link"}


class Page(HTMLParser):
    """A page taken apart, and what is wrong with how it is made."""

    def __init__(self, text):
        super().__init__()
        self.wrong, self.tags, self.texts, self.open = [], [], [], []
        self.feed(text)
        self.close()
        self.wrong += [f"never closed: {tag}" for tag, _ in self.open]
        self._look()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        if len(given) < len(attributes):
            self.wrong.append(f"an attribute twice: {tag}")
        if tag not in VOID:
            self.open.append((tag, given))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop()[0] != tag:
            self.wrong.append(f"closed out of turn: {tag}")

    def handle_data(self, data):
        text = " ".join(data.split())
        if text and not any(tag == "style" for tag, _ in self.open):
            self.texts.append((text, next((one["lang"] for _, one in reversed(self.open) if "lang" in one), None)))

    def named(self, tag):
        return [given for found, given in self.tags if found == tag]

    def _look(self):
        ids = [given["id"] for _, given in self.tags if "id" in given]
        counts = {"html": 1, "title": 1, "h1": 1, "main": 1, "header": 1, "footer": 1, "script": 0, "img": 0}
        self._ask("a landmark is missing or there twice", all(len(self.named(t)) == n for t, n in counts.items()))
        self._ask("an id twice", len(ids) == len(set(ids)))
        refers = ("aria-labelledby", "aria-describedby", "for")
        told = [given[name] for _, given in self.tags for name in refers if name in given]
        self._ask("a reference to nothing", set(told) <= set(ids))
        self._ask(
            "style or script in an attribute", not any(re.match(r"on|style$", n) for _, g in self.tags for n in g)
        )
        first = next(given for tag, given in self.tags if tag == "a")
        self._ask("no way to skip to the content", first.get("class") == "skip" and first["href"][1:] in ids)
        self._ask("a table without a caption", len(self.named("table")) == len(self.named("caption")))
        self._ask("a header cell without its scope", all(g.get("scope") in {"col", "row"} for g in self.named("th")))
        fields = [given for given in self.named("input") if given.get("type") != "hidden"]
        self._ask("a field without a label", {g["id"] for g in fields} == {g["for"] for g in self.named("label")})
        self._ask("a navigation without a name", all("aria-label" in g for g in self.named("nav")))
        wide = [given for _, given in self.tags if "wide" in given.get("class", "").split()]
        reached = [g for g in wide if g.get("tabindex") == "0" and g.get("role") == "region" and "aria-labelledby" in g]
        self._ask("a table that scrolls and that no key reaches", wide == reached)
        levels = [int(tag[1]) for tag, _ in self.tags if re.fullmatch("h[1-6]", tag)]
        self._ask("a heading level left out", all(after - before <= 1 for before, after in pairwise([0, *levels])))
        hrefs = [given["href"] for given in self.named("a")]
        self._ask("a link that leads elsewhere", all(re.match(r"/(?![/\\])|#|\?f=json$", one) for one in hrefs))

    def _ask(self, what, holds):
        if not holds:
            self.wrong.append(what)
