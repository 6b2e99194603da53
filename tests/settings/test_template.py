from __future__ import annotations

import pytest

from gomab_tasks.settings.template import FIELDS, check_template, fill_template, hide_fields


@pytest.mark.parametrize(
    "text",
    ["", "plain", "v{version}", "{{literal}}", "{env.A_1}{image}", *(f"{{{field}}}" for field in FIELDS)],
)
def test_right_templates_are_given_back(text: str) -> None:
    """Text, known fields and doubled braces are right."""
    assert check_template(text) == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("{git.shrt}", "there is no field '{git.shrt}'; did you mean '{git.short}'?"),
        ("{sha}", "did you mean '{git.sha}'?"),
        ("{ version }", "did you mean '{version}'?"),
        ("{Version}", "did you mean '{version}'?"),
        ("{git_tag}", "did you mean '{git.tag}'?"),
        ("{commit}", "did you mean '{git.sha}'?"),
        ("{CI_COMMIT_TAG}", "did you mean '{env.CI_COMMIT_TAG}'?"),
        ("{env}", "did you mean '{env.NAME}'?"),
        ("{env.NOT-A-NAME}", "there is no field '{env.NOT-A-NAME}'"),
        ("{}", "there are: image, git.sha,"),
        ("a{b", "with a '{' that has no '}'; write '{{' for the character itself"),
        ("a}b", "with a '}' that has no '{'; write '}}' for the character itself"),
    ],
)
def test_wrong_templates_get_advice(text: str, advice: str) -> None:
    """A wrong field is answered with the nearest, a lone brace with how to escape it."""
    with pytest.raises(ValueError, match=r"^is '") as caught:
        check_template(text)
    assert str(caught.value).startswith(f"is '{text}', ")
    assert advice in str(caught.value)


def test_each_field_gets_its_value() -> None:
    """Fields are replaced, doubled braces halved, all else is left."""
    assert fill_template("{{a}}-{image}-{env.X}.", str.upper) == "{a}-IMAGE-ENV.X."


def test_fields_can_be_hidden() -> None:
    """The form of the rest is checked with a stand-in for each field."""
    assert hide_fields("{{a}}-{image}-{env.X}") == "{a}-x-x"
