"""Descriptors, digests and the JSON they are written in."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import (
    LAYER_GZIP,
    MANIFEST,
    Descriptor,
    Layer,
    digest_of,
    read_object,
    to_json,
)
from gomab_tasks.platforms import Platform

HEX = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
VALID: Mapping[str, object] = {"mediaType": MANIFEST, "digest": f"sha256:{HEX}", "size": 2}


def test_a_digest_is_that_of_the_spec() -> None:
    """manifest.md gives the digest of the empty JSON object."""
    assert digest_of(b"{}") == f"sha256:{HEX}"


def test_json_is_compact_utf8_in_the_given_order() -> None:
    """Nothing is escaped or sorted behind the caller's back."""
    assert to_json({"b": "ä<&", "a": [1, {}]}) == '{"b":"ä<&","a":[1,{}]}'.encode()


def test_fields_stand_in_the_order_of_the_specs_type() -> None:
    """The order decides the bytes; annotations are sorted."""
    descriptor = Descriptor(
        MANIFEST, f"sha256:{HEX}", 2, Platform("linux", "arm", "v7"), {"b": "2", "a": "1"}
    )
    assert to_json(descriptor.to_dict()).decode() == (
        f'{{"mediaType":"{MANIFEST}","digest":"sha256:{HEX}","size":2,"annotations":{{"a":"1","b":"2"}},'
        '"platform":{"architecture":"arm","os":"linux","variant":"v7"}}'
    )


@pytest.mark.parametrize("platform", [None, Platform("linux", "amd64"), Platform("linux", "arm", "v6")])
@pytest.mark.parametrize("annotations", [{}, {"k": "v"}])
def test_what_is_written_reads_back(platform: Platform | None, annotations: dict[str, str]) -> None:
    """A descriptor survives JSON."""
    descriptor = Descriptor(MANIFEST, f"sha256:{HEX}", 0, platform, annotations)
    assert Descriptor.from_dict(read_object(to_json(descriptor.to_dict()), "x"), "x") == descriptor


def test_unknown_fields_are_passed_over() -> None:
    """considerations.md asks for it, so that the spec can grow."""
    assert Descriptor.from_dict({**VALID, "data": "e30=", "urls": []}, "x").size == 2


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"os": "linux", "architecture": "arm64", "variant": "v8"}, Platform("linux", "arm64")),
        ({"os": "linux", "architecture": "arm"}, Platform("linux", "arm", "v7")),
        ({"os": "linux", "architecture": "amd64", "variant": None}, Platform("linux", "amd64")),
        ({"os": "unknown", "architecture": "unknown"}, Platform("unknown", "unknown")),
        (
            {"os": "linux", "architecture": "ppc64le", "variant": "power9"},
            Platform("linux", "ppc64le", "power9"),
        ),
    ],
)
def test_platforms_are_normalised_where_go_knows_them(written: object, read: Platform) -> None:
    """What Go does not know is kept, since a base's index may list it."""
    assert Descriptor.from_dict({**VALID, "platform": written}, "x").platform == read


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mediaType": None}, "x: mediaType: is missing; expected a text"),
        ({"mediaType": 1}, "x: mediaType: is 1; expected a text"),
        ({"mediaType": ""}, "x: mediaType: is ''; expected a text"),
        ({"digest": None}, "x: digest: is missing; expected 'sha256:' and 64 hexadecimal digits"),
        ({"digest": f"sha512:{HEX * 2}"}, f"x: digest: is 'sha512:{HEX * 2}'; expected"),
        ({"digest": f"sha256:{HEX.upper()}"}, f"x: digest: is 'sha256:{HEX.upper()}'; expected"),
        ({"digest": f"sha256:{HEX[:-1]}"}, f"x: digest: is 'sha256:{HEX[:-1]}'; expected"),
        ({"digest": f"sha256:{HEX}\n"}, "x: digest: is "),
        (
            {"digest": "sha256:../../../../etc/passwd"},
            "x: digest: is 'sha256:../../../../etc/passwd'; expected",
        ),
        ({"size": None}, "x: size: is missing; expected a number of bytes"),
        ({"size": -1}, "x: size: is -1; expected a number of bytes"),
        ({"size": True}, "x: size: is True; expected a number of bytes"),
        ({"size": 2.0}, "x: size: is 2.0; expected a number of bytes"),
        ({"annotations": ["a"]}, "x: annotations: is ['a']; expected a JSON object"),
        ({"annotations": {"a": 1}}, "x: annotations: a: is 1; expected a text"),
        ({"platform": "linux/amd64"}, "x: platform: is 'linux/amd64'; expected a JSON object"),
        ({"platform": {"architecture": "amd64"}}, "x: platform: os: is missing; expected a text"),
        ({"platform": {"os": "linux"}}, "x: platform: architecture: is missing; expected a text"),
        (
            {"platform": {"os": "linux", "architecture": "arm", "variant": 7}},
            "x: platform: variant: is 7; expected a text",
        ),
    ],
)
def test_a_wrong_field_is_named(change: Mapping[str, object], message: str) -> None:
    """The message says where, what and what was expected."""
    with pytest.raises(VerificationError) as error:
        Descriptor.from_dict({**VALID, **change}, "x")
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x: is not JSON: "),
        (b'{"a":', "x: is not JSON: "),
        (b"\xff\xfe{}", "x: is not JSON: "),
        pytest.param(b"[" * 100_000, "x: is not JSON: ", id="deep"),
        (b"[]", "x: is []; expected a JSON object"),
        (b"null", "x: is missing; expected a JSON object"),
    ],
)
def test_what_is_no_json_object_is_refused(content: bytes, message: str) -> None:
    """Each document of an image is an object."""
    with pytest.raises(VerificationError) as error:
        read_object(content, "x")
    assert str(error.value).startswith(message)


def test_a_layer_reads_back_from_its_record() -> None:
    """Records of other modules hold layers in this form."""
    layer = Layer(Descriptor(LAYER_GZIP, f"sha256:{HEX}", 2), digest_of(b"tar"), 1024)
    assert Layer.from_dict(read_object(to_json(layer.to_dict()), "x"), "x") == layer


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"descriptor": None}, "x: descriptor: is missing"),
        ({"diff_id": "sha256:1"}, "x: diff_id: is 'sha256:1'"),
        ({"unpacked_size": -1}, "x: unpacked_size: is -1"),
    ],
)
def test_a_wrong_layer_record_is_named(change: Mapping[str, object], message: str) -> None:
    """A record that was edited or cut off is no layer."""
    record = Layer(Descriptor(LAYER_GZIP, f"sha256:{HEX}", 2), digest_of(b"tar"), 1024).to_dict()
    with pytest.raises(VerificationError) as error:
        Layer.from_dict({**record, **change}, "x")
    assert str(error.value).startswith(message)
