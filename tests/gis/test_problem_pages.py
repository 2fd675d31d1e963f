"""Problems of /ogc for people: a page where a page was asked for, the problem itself where not."""

import pytest

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/collections/matrix/items?filter=tier%20=", "/collections/none"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_browser_is_shown_a_page_with_the_status_of_the_problem(ogc, path, language):
    plain = ogc.get(path)
    assert plain.headers["content-type"] == "application/problem+json"
    page = ogc.get(path, {**HTML, "Accept-Language": language})
    assert page.status_code == plain.status_code
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-language"] == language
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert f'lang="{language}"' in page.text
    for violation in plain.json().get("errors", []):
        assert violation["pointer"].lstrip("?") in page.text
    assert "tier =" not in page.text


def test_the_form_that_is_named_counts_for_more_than_the_header(ogc):
    path = "/collections/matrix/items?limit=x&f="
    assert ogc.get(f"{path}json", HTML).headers["content-type"] == "application/problem+json"
    assert ogc.get(f"{path}html").headers["content-type"].startswith("text/html")


def test_a_browser_without_a_key_is_asked_for_one(sampled):
    answer = sampled.client.get("/ogc?f=html")
    assert answer.status_code == 401
    assert 'Basic realm="flashpoint"' in answer.headers.get_list("www-authenticate")
    assert answer.headers["content-type"].startswith("text/html")


def test_a_slash_at_the_end_of_the_address_does_no_harm(ogc):
    assert ogc.get("/").json() == ogc.get().json()
