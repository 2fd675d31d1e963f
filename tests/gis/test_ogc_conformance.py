"""What ``/ogc/conformance`` declares is tested, requirement by requirement."""

from standards import REQUIREMENTS, missing, name_of, written

from api.ogc.conformance import CONFORMS_TO

AT_LEAST = 100


def test_every_declared_class_has_a_test_for_each_of_its_requirements(ogc):
    declared = ogc.document("/conformance")["conformsTo"]
    assert declared == list(CONFORMS_TO)
    assert len(set(declared)) == len(declared)
    assert missing(declared, written()) == set()


def test_every_test_of_a_requirement_belongs_to_a_declared_class(ogc):
    declared = {one for uri in ogc.document("/conformance")["conformsTo"] for one in REQUIREMENTS[uri]}
    named = tuple(map(name_of, declared))
    assert {name for name, _ in written() if not name.startswith(named)} == set()
    assert {docstring for _, docstring in written() if docstring is not None} <= declared
    assert len(declared) >= AT_LEAST


def test_a_class_without_tests_and_a_requirement_without_one_are_found():
    declared, tests = list(CONFORMS_TO), written()
    unknown = "http://www.opengis.net/spec/cql2/1.0/conf/arithmetic"
    assert missing([*declared, unknown], tests) == {unknown}
    for requirement in ("/req/core/fc-links", "/req/cql2-text/escaping"):
        name = name_of(requirement)
        others = {(one, told) for one, told in tests if one != name}
        assert missing(declared, others) == {requirement}
        assert missing(declared, {*others, (name, "/req/core/another")}) == {requirement}
