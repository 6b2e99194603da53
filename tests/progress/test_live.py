from __future__ import annotations

import io
import re
from typing import Any

import pytest

from gomab_tasks.progress.events import Event
from gomab_tasks.progress.live import Live

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x")
DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_a_failing_build_shows_every_platform_and_the_whole_message(start_scene: Any) -> None:
    """At 80 columns six platforms, one of which fails, stand whole on the screen at the end."""
    terminal = start_scene("failing", "0.03")
    assert terminal.wait() == 4
    screen = terminal.screen
    assert all(len(line) <= 80 for line in screen.lines)
    joined = re.sub(r"\s+", " ", screen.text)
    assert "go build failed after 3.2 s: cmd/api/main.go:41:7: undefined: cfg" in joined
    assert "cannot use size (variable of type int64) as int value in argument to make" in joined
    assert "Log: build/gomab/logs/api-linux-arm-v7.txt" in joined
    rows = re.findall(r"^([✓✗■·]) (linux/\S+) +(. \S+)", screen.text, re.MULTILINE)
    assert [row[1] for row in rows] == list(PLATFORMS)
    assert {row[1]: row[2] for row in rows} == dict.fromkeys(PLATFORMS, "✓ 18.4") | {
        "linux/arm/v7": "✗ failed"
    }
    assert re.search(
        r"^✗ failed after \d+\.\d s: compile api, worker linux/arm/v7$", screen.text, re.MULTILINE
    )


def test_each_failure_is_told_once_and_whole(start_scene: Any) -> None:
    """Six platforms that fail, each in its own way: no words twice, lines broken between words alone."""
    terminal = start_scene("hopeless", "0.1")
    terminal.wait_for(lambda screen: "✗ compile api, worker linux/" in screen.text)
    assert terminal.wait() == 4
    text = terminal.screen.text
    for platform in PLATFORMS:
        assert text.count(f"internal/{platform}/handlers/subscriptions/renewal.go:41:7:") == 1
        assert text.count(f"Log: build/gomab/logs/api-worker-{platform.replace('/', '-')}.txt") == 1
    assert re.sub(r"\s+", " ", text).count("undefined: configuration of the renewal of subscriptions") == 6
    assert text.count(DIGEST) == 6
    assert max(map(len, text.splitlines())) < 80


def test_ctrl_c_tells_what_has_failed(start_scene: Any) -> None:
    """Else nobody would know why a platform failed before."""
    terminal = start_scene("failing", "1")
    terminal.wait_for(lambda screen: "✗ linux/arm/v7" in screen.text)
    terminal.press("\x03")
    assert terminal.wait() == 130
    assert terminal.screen.text.count("main.go:41:7: undefined: cfg") == 1
    assert "✗ interrupted" in terminal.screen.text


def test_the_terminal_is_left_as_it_was(start_scene: Any) -> None:
    """After a failure the cursor is visible, at the start of a line, and no frame is left over."""
    terminal = start_scene("failing", "0.03")
    terminal.wait()
    screen = terminal.screen
    assert "\x1b[?25l" in terminal.raw
    assert "rich loaded: True" in screen.text
    assert screen.is_cursor_visible
    assert screen.column == 0
    assert screen.text.count("platform ") == 1
    assert not re.search("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", screen.text)
    assert screen.unknown == []


def test_ctrl_c_leaves_a_summary_that_says_stopped(start_scene: Any) -> None:
    """Ctrl-C, as the terminal sends it: finished rows stay, cut ones say stopped, others not started."""
    terminal = start_scene("good", "0.3")
    terminal.wait_for(lambda screen: re.search(r"✓ linux/amd64", screen.text) is not None)
    terminal.press("\x03")
    assert terminal.wait() == 130
    screen = terminal.screen
    assert screen.is_cursor_visible
    assert screen.column == 0
    states = dict(
        re.findall(r"^. (linux/\S+) +. (18\.4 MiB|stopped|not started|\w+)", screen.text, re.MULTILINE)
    )
    assert list(states) == list(PLATFORMS)
    assert states["linux/amd64"] == "18.4 MiB"
    assert "stopped" in states.values()
    assert states["linux/s390x"] == "not started"
    assert re.search(r"^■ stopped after \d+\.\d s, [12] of 6 platforms done$", screen.text, re.MULTILINE)
    assert "^C" not in screen.text
    assert not re.search("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", screen.text)


@pytest.mark.parametrize("width", [40, 80])
def test_a_good_build_cuts_nothing(start_scene: Any, width: int) -> None:
    """At any width all platforms are there and digests can be copied whole."""
    terminal = start_scene("good", "0.03", size=(width, 24))
    assert terminal.wait() == 0
    text = terminal.screen.text
    assert text.replace("\n", "").count(DIGEST) == 2
    assert "…" not in text
    # The scene's warning carries a sequence that would clear the screen.
    assert "\x1b[2J" not in terminal.raw
    assert "git, but goes into the image" in text.replace("\n", "")
    table = [line for line in text.splitlines() if re.match("✓ linux/", line)]
    assert [line.split()[1] for line in table] == list(PLATFORMS)
    assert re.search(r"^✓ 6 platforms done in \d+\.\d s$", text, re.MULTILINE)


def test_a_low_terminal_shows_what_runs(start_scene: Any) -> None:
    """In a terminal of eight lines the frame fits; rows that wait are counted."""
    terminal = start_scene("good", "0.2", size=(60, 8))
    terminal.wait_for(lambda screen: "more: " in screen.text)
    assert terminal.wait() == 0
    screen = terminal.screen
    assert "more: " not in screen.text
    assert screen.text.count("linux/s390x") == 1
    assert screen.text.count("download") == 1


def test_a_short_run_shows_its_results_without_loading_rich(start_scene: Any) -> None:
    """Where nothing changed, a few plain lines come, no cursor moves, and rich is never imported."""
    terminal = start_scene("good", "0")
    assert terminal.wait() == 0
    assert "\x1b" not in terminal.raw
    assert "rich loaded: False" in terminal.screen.text
    assert terminal.screen.text.count(DIGEST) == 2
    assert "✓ 6 platforms done in" in terminal.screen.text


def test_no_color_leaves_words_and_signs(start_scene: Any) -> None:
    """With NO_COLOR nothing is told by colour: no colour is sent, the states are words."""
    terminal = start_scene("failing", "0.03", NO_COLOR="1")
    terminal.wait()
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38)(?:;|m)", terminal.raw)
    assert "✗ failed" in terminal.screen.text


def test_ascii_terminals_get_ascii_signs(start_scene: Any) -> None:
    """Where the encoding has no ticks, ASCII signs stand beside the same words."""
    terminal = start_scene("failing", "0.03", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    terminal.wait()
    assert terminal.raw.isascii()
    assert "x linux/arm/v7   x failed" in terminal.screen.text
    assert "+ linux/amd64    + 18.4 MiB" in terminal.screen.text


def test_watching_costs_little(start_scene: Any) -> None:
    """Six running platforms cost less than a CPU-second per minute (measured: 0.5)."""
    terminal = start_scene("idle", "1")
    terminal.wait()
    found = re.search(r"^cpu (\S+)$", terminal.screen.text, re.MULTILINE)
    assert found
    assert float(found[1]) * 60 < 1.5


def test_a_failure_that_the_run_got_over_is_told() -> None:
    """No message of the run's end tells it."""
    stream = io.StringIO()
    with Live(stream, {}) as emit:
        emit(Event("failed", "smoke", "api", "linux/arm64", "no answer"))
    assert stream.getvalue().splitlines()[-1] == "✗ smoke api linux/arm64: no answer"
