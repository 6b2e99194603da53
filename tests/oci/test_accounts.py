"""Names of users and groups, as libc reads them."""

from __future__ import annotations

from gomab_tasks.oci.accounts import Account, Accounts


def test_lines_of_passwd_and_group() -> None:
    """The first line for a name counts; what is no line of that file is passed over."""
    passwd = (
        "root:x:0:0:root:/root:/bin/sh\n# note\nbad:x:one:1\n+::::::\napp:*:12:34\napp:x:5:6\nshort:x:1\n"
    )
    accounts = Accounts.read(passwd, "root:x:0:\nstaff:x:50:app,root\nnone\n:x:7:\nminus:x:-1:\n")
    assert accounts.users == {"root": Account(0, 0), "app": Account(12, 34)}
    assert accounts.groups == {"root": 0, "staff": 50}
    assert (accounts.group_of(12), accounts.group_of(13)) == (34, None)
    assert Accounts.read("", "") == Accounts()
