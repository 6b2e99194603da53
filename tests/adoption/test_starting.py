"""How an image starts, and what its program was called before."""

from __future__ import annotations

import pytest

from tests.adoption.conftest import carried

NOW = "is /app/api now, for all that calls it: scripts, probes, a Kubernetes `command:`"


@pytest.mark.parametrize(
    ("output", "copy", "start", "old"),
    [
        ("/go/bin/apid", "/go/bin/apid bin/", '["apid"]', "/opt/bin/apid"),
        ("/go/bin/apid", "/go/bin/apid bin/", "exec apid --x", "/opt/bin/apid"),
        ("/go/bin/apid", "/go/bin/apid bin/", '["sh", "/start.sh"]', "/opt/bin/apid"),
        ("/go/bin/apid", "/go/bin/ bin/", '["/opt/bin/apid"]', "/opt/bin/apid"),
        ("/out", "/out/ /usr/bin/", '["api"]', "/usr/bin/api"),
        ("/out/", "/out/ /usr/bin/", '["sh", "/start.sh"]', "/usr/bin/api"),
        ("/out/server", "/out/server /server", '["/server"]', "/server"),
    ],
)
def test_old_paths(output: str, copy: str, start: str, old: str) -> None:
    """A program's old path is the one that the image starts, else that of the file that -o names."""
    text = (
        f"FROM golang:1.25 AS build\nCOPY . .\nRUN go build -o {output} .\nFROM alpine:3.22\nWORKDIR /opt\n"
        f"COPY --from=build {copy}\nENTRYPOINT {start}\n"
    )
    (said,) = (remark for _, remark in carried(text).findings.remarks if remark.endswith(NOW))
    assert said == f"{old} {NOW}"
