"""Find the users and groups that commands of a Dockerfile make, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from getopt import GetoptError, gnu_getopt

from msgspec import Struct, field

from gomab_tasks.adoption.programs import commands_of
from gomab_tasks.adoption.recipe import Step
from gomab_tasks.adoption.shell import Command, plain

Options = dict[str, str]

# Of BusyBox, Debian and shadow, as one: their letters and words have values, or none, alike.
_LETTERS = {
    "adduser": "DG:HSg:h:k:s:u:",
    "useradd": "DG:K:MNP:R:UZ:b:c:d:e:f:g:k:lmop:rs:u:",
    "addgroup": "Sg:",
    "groupadd": "K:P:R:U:fg:op:r",
}
_WORDS = (
    "add_extra_groups allow-bad-names allow-badname base-dir= badname comment= conf= create-home "
    "disabled-login disabled-password empty-password expiredate= firstgid= firstuid= force force-badname "
    "gecos= gid= group groups= home= home-dir= inactive= ingroup= key= lastgid= lastuid= no-create-home "
    "no-log-init no-user-group non-unique password= prefix= quiet root= shell= skel= system uid= user-group "
    "users="
)
_HOMES = ("-h", "--home", "-d", "--home-dir")
_USERS = frozenset({"adduser", "useradd"})


class User(Struct, frozen=True):
    """Hold the numbers that a user has, and its group's name; empty ones are not known."""

    uid: str
    gid: str
    group: str = ""


class Accounts(Struct):
    """Hold users, and the numbers of groups, by name; empty ones are not known."""

    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=lambda: {"root": "0"})

    def user(self, name: str) -> User | None:
        """Give a user by name or number."""
        return self.users.get(name) or next((one for one in self.users.values() if one.uid == name), None)

    def gid(self, group: str) -> str:
        """Give the number of a group, which may be one already; nothing where it is not known."""
        return group if group.isdecimal() else self.groups.get(group, "")


def made_accounts(steps: Iterable[Step]) -> Accounts:
    """Follow the commands that make users and groups."""
    accounts = Accounts()
    for step in steps:
        for command in commands_of(step):
            if is_account(command):
                _follow(command.words[0], command.words[1:], accounts)
    return accounts


def is_account(command: Command) -> bool:
    """Tell whether a command makes a user or group."""
    return command.words[0] in _LETTERS


def is_user(command: Command) -> bool:
    """Tell whether a command makes a user."""
    return command.words[0] in _USERS


def made_home(command: Command) -> str:
    """Give the home folder that a command makes, for people; nothing where it makes none, or nobody knows."""
    options, names = _read_options(command.words[0], command.words[1:])
    if not is_user(command) or len(names) != 1 or not _makes_home(command.words[0], options):
        return ""
    return plain(next((options[name] for name in _HOMES if options.get(name)), f"/home/{names[0]}"))


def _makes_home(verb: str, options: Options) -> bool:
    if verb == "useradd":
        return bool({"-m", "--create-home"} & options.keys())
    # A system user of Debian's has none unless it is named.
    is_homeless = "--system" in options and "--home" not in options
    return not is_homeless and not {"-H", "--no-create-home"} & options.keys()


def _follow(verb: str, words: Sequence[str], accounts: Accounts) -> None:
    options, names = _read_options(verb, words)
    if verb in _USERS and len(names) == 1:
        user = _made_user(verb, names[0], options, accounts)
        accounts.users[names[0]] = user
        if not _named_group(verb, options):
            accounts.groups.setdefault(names[0], user.gid)
    elif len(names) == 1:  # with two, a user only joins a group
        accounts.groups[names[0]] = options.get("-g", options.get("--gid", ""))


def _made_user(verb: str, name: str, options: Options, accounts: Accounts) -> User:
    uid = options.get("-u", options.get("--uid", ""))
    uid = uid if uid.isdecimal() else ""
    if group := _named_group(verb, options):
        return User(uid, accounts.gid(group), group)
    # Such users of adduser's belong to `nogroup`, whose number differs between distributions.
    is_grouped = verb == "useradd" or "--group" in options or not {"-S", "--system"} & options.keys()
    return User(uid, uid, name) if is_grouped else User(uid, "")


def _named_group(verb: str, options: Options) -> str:
    """Give the group that a user belongs to first; useradd's -G names further ones."""
    names = ("-G", "--ingroup", "--gid") if verb == "adduser" else ("-g", "--gid")
    return next((options[name] for name in names if name in options), "")


def _read_options(verb: str, words: Sequence[str]) -> tuple[Options, list[str]]:
    """Divide options from names; of an option that is not known, only the last word is a name."""
    try:
        options, names = gnu_getopt(list(words), _LETTERS[verb], _WORDS.split())
    except GetoptError:
        return {}, list(words[-1:])
    return dict(options), names
