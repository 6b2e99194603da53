"""Split the shell text of a RUN into commands, as far as a build of Go needs.

What the shell would look up is kept as a field between two private characters:
the name of a template's field where one gives the same, else what stood there
behind a `?`. In a field nothing means anything to a shell, so words stay whole.
"""

from __future__ import annotations

import io
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from gomab_tasks.adoption.expansion import UnknownValueError, split_words
from gomab_tasks.adoption.recipe import Step, braced
from gomab_tasks.adoption.syntax import HEREDOC, Instruction
from gomab_tasks.secrets import redactor

_OPEN, _CLOSE = "\ue000", "\ue001"
# Characters that a shell reads, moved to where it does not.
_MEANINGFUL = re.compile(r"[\s;&|<>()\"'\\$]")
_MOVED, _SHIFT = re.compile("[\ue100-\ue1ff]"), 0xE100
_FIELD = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")
_TEMPLATE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?-)([^}]*))?\})")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_PUNCTUATION = ";&|<>()\n"
_KEYWORDS = "if then else elif fi while until do done { } ! time exec sudo env export"
_NOTHING = ":"
_PRINTERS = frozenset({_NOTHING, "cat", "echo", "printenv", "printf"})
_LOOPS = frozenset({"for", "while", "until"})
_SHELL = re.compile(r"(?:[\w/.-]*/)?(?:ash|bash|dash|sh)(?:\s+-\w+)*")
# In a script, what Dockerfiles want apart may stand together: `cat<<EOF>file`.
_INNER_HEREDOC = re.compile(r"(?<!<)<<-?[ \t]*([\"']?)([A-Za-z_]\w*)\1")
# What a shell would make other words of: a pattern, or a value that is not known.
_UNSETTLED = re.compile(f"[*?\\[$`{_OPEN}]")


class Command(Struct, frozen=True):
    """Hold one command.

    Attributes:
        words: without quotes, variables replaced where they are known; `:` where there are none.
        variables: every variable that it sees.
        folder: where it runs, absolute.
        text: for people, on one line, as the Dockerfile has it; of one that writes text, the files.
        writes: the files that its output goes to, relative or not; devices are none.
    """

    words: tuple[str, ...]
    variables: Mapping[str, str]
    folder: str
    text: str
    writes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What starts, without its folder."""
        return posixpath.basename(self.words[0])

    def path(self, text: str) -> str:
        """Make a path absolute."""
        return posixpath.normpath(posixpath.join(self.folder, text))


class _Part(Struct, frozen=True):
    """Hold what stands between two operators; values are not yet put in.

    Attributes:
        text: as it is written, with quotes.
    """

    words: Sequence[str]
    writes: Sequence[str] = ()
    text: str = ""


def read_commands(step: Step) -> list[Command]:
    """Read the commands of a RUN in their order; of control structures, those within.

    What is in a loop over words is there once for each of them, where they are known.

    Raises `ValueError` for text that no shell reads.
    """
    known = {name: _marked(value) for name, value in step.scope.templates.items()}
    folder = step.scope.workdir or "/"
    words = step.instruction.words
    if words is not None and not _is_script(words):
        return [Command(words or (_NOTHING,), known, folder, spelled(step.instruction.text))]
    text = words[2] if words else _script(step.instruction)
    interpreter = re.match(r"#![ \t]*(?:\S*/env[ \t]+)?(\S.*)", text)
    if interpreter and not _SHELL.fullmatch(interpreter[1].strip()):
        return [Command(tuple(interpreter[1].split()), known, folder, spelled(interpreter[1]))]
    text = re.sub(r"(?m)^\s*#.*", "", text.replace("\\\n", " "))
    return list(_commands(text, known, folder))


def _is_script(words: Sequence[str]) -> bool:
    """Tell whether words start a shell with the text that it is to read."""
    return bool(words[2:] and words[1].endswith("c") and _SHELL.fullmatch(" ".join(words[:2])))


def _script(instruction: Instruction) -> str:
    """Give what a shell reads: here-documents, unless another command reads them."""
    command = HEREDOC.sub("", instruction.text).strip()
    if not instruction.documents or (command and not _SHELL.fullmatch(command)):
        return instruction.text
    return "\n".join(_without_heredocs("\n".join(instruction.documents)))


def _without_heredocs(text: str) -> Iterator[str]:
    """Leave out what commands of a script read."""
    end = ""
    for line in text.split("\n"):
        if end:
            end = "" if line.strip() == end else end
            continue
        if match := _INNER_HEREDOC.search(line):
            end = match[2]
        yield line


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in; a variable without one becomes `$NAME`."""

    def value(match: re.Match[str]) -> str:
        name, other = match[1] or match[2], match[4]
        return values.get(name, f"${name}" if other is None else other)

    return _VARIABLE.sub(value, text)


def template(text: str) -> str:
    """Spell a text as a template of the settings.

    Raises `UnknownValueError` for what no template gives.
    """
    if lost := next((name for name in _FIELD.findall(text) if name.startswith("?")), ""):
        raise UnknownValueError(f"no template gives {_moved_back(lost[1:])}")
    if variable := re.search(r"\$([A-Za-z_]\w*)", text):
        name = variable[1]
        raise UnknownValueError(
            f"${name} has no value before the image is built; {{env.{name}}} would take it"
        )
    parts = _FIELD.split(text)
    return "".join(f"{{{part}}}" if number % 2 else braced(part) for number, part in enumerate(parts))


def plain(text: str) -> str:
    """Spell a text for people, as a shell has it."""
    return _FIELD.sub(lambda match: _moved_back(match[1].removeprefix("?")), text)


def spelled(text: str) -> str:
    """Spell a command for people: as it is written, but on one line, and without logins.

    What is set for it alone goes, and a script that writes files: either may hold a secret.
    """
    words = split_words(text, "\\")
    while words and (words[0] in _KEYWORDS.split() or _ASSIGNMENT.fullmatch(words[0])):
        words.pop(0)
    if _is_script(words) and ">" in text:
        words[2:] = ["…"]
    return redactor()(" ".join(" ".join(words).split()))


def _marked(text: str) -> str:
    return _TEMPLATE.sub(lambda part: f"{_OPEN}{part[1]}{_CLOSE}" if part[1] else part[0][0], text)


def _hidden(text: str) -> tuple[str, list[str]]:
    """Put a field in the place of each `$(…)` and `` `…` ``, and list those."""
    parts: list[str] = []
    hidden: list[str] = []
    position = 0
    while match := re.compile(r"\$\((?!\()|`").search(text, position):
        end = _end(text, match.end()) if match[0] != "`" else text.find("`", match.end())
        if end < 0:
            break
        inner = text[match.end() : end]
        field = git_field(inner) or f"?$({inner})"
        moved = _MEANINGFUL.sub(lambda found: chr(ord(found[0]) + _SHIFT), field)
        parts += [text[position : match.start()], _OPEN, moved, _CLOSE]
        position = end + 1
        hidden.append(text[match.start() : position])
    return "".join([*parts, text[position:]]), hidden


def _moved_back(text: str) -> str:
    return _MOVED.sub(lambda found: chr(ord(found[0]) - _SHIFT), text)


def _end(text: str, start: int) -> int:
    depth = 1
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if not depth:
            return position
    return -1


def git_field(text: str) -> str:
    """Name the field of a template that gives what a command of git prints; else an empty one."""
    command, _, after = re.sub(r"\s*2>\s*\S+", "", text).partition("|")
    words = command.split()
    if words[:1] != ["git"] or (after and not after.startswith("|") and "s/^v//" not in after):
        return ""
    field = _git_field([word.strip("\"'") for word in words[1:]])
    if after and not after.startswith("|"):
        return "version" if field == "git.describe" else ""
    return field


def _git_field(words: list[str]) -> str:
    match [word for word in words if not word.startswith(("-C", "--git-dir"))]:
        case ["describe", *options]:
            is_tag = {"--exact-match", "--abbrev=0"} & set(options)
            return "git.tag" if is_tag else "git.describe"
        case ["rev-parse", "--abbrev-ref", "HEAD"] | ["branch", "--show-current"]:
            return "git.branch"
        case ["rev-parse", short, "HEAD"] if short.startswith("--short"):
            return "git.short"
        case ["rev-parse", "HEAD"]:
            return "git.sha"
        case ["log" | "show", *options]:
            asked = "".join(option for option in options if "%" in option)
            return {"H": "git.sha", "h": "git.short"}.get(asked.rpartition("%")[2], "")
    return ""


def _commands(text: str, known: Mapping[str, str], folder: str) -> Iterator[Command]:
    variables = dict(known)
    pending = list(_split(*_hidden(text)))
    while pending:
        part = pending.pop(0)
        words = list(part.words)
        given: dict[str, str] = {}
        while words and (words[0] in _KEYWORDS.split() or _ASSIGNMENT.fullmatch(words[0])):
            if assignment := _ASSIGNMENT.fullmatch(words.pop(0)):
                given[assignment[1]] = fill(assignment[2], variables | given)
        if not words and not part.writes:  # assigned, or exported, for what follows
            variables |= given
            continue
        filled = tuple(fill(word, variables | given) for word in words or [_NOTHING])
        if filled[0] == "for" and len(filled) > 1:
            variables.pop(filled[1], None)
            pending = _unrolled(filled, pending)
        elif filled[0] == "cd" and len(filled) > 1:
            folder = posixpath.normpath(posixpath.join(folder, filled[1]))
        else:
            files = tuple(fill(path, variables | given) for path in part.writes)
            yield Command(filled, variables | given, folder, _shown(part, filled[0]), files)


def _shown(part: _Part, name: str) -> str:
    """Spell a command for people; of text that goes into files, only those."""
    if part.writes and (name in _PRINTERS or "<<" in part.text):
        return f"writes {', '.join(map(plain, part.writes))}"
    return spelled(part.text)


def _unrolled(head: Sequence[str], following: list[_Part]) -> list[_Part]:
    """Put the body of `for NAME in WORDS` there for each word; once where one is not known."""
    end = _end_of_loop(following)
    body, rest = following[:end], following[end:]
    values = " ".join(head[3:]).split()
    # Without a `done`, which is the first of the rest, loops within would never end.
    is_open = not rest and any(_LOOPS.intersection(part.words) for part in body)
    if is_open or not values or any(map(_UNSETTLED.search, values)):
        return following
    passes = ([_Part([f"{head[1]}={value}"]), *body] for value in values)
    return [*chain.from_iterable(passes), *rest]


def _end_of_loop(following: Sequence[_Part]) -> int:
    depth = 1
    for number, part in enumerate(following):
        first = next((word for word in part.words if word not in ("do", "then", "else")), "")
        depth += (first in _LOOPS) - (first == "done")
        if not depth:
            return number
    return len(following)


def _split(text: str, hidden: Sequence[str]) -> Iterator[_Part]:
    """Split into simple commands; of what is redirected, only the files that are written stay."""
    fields = iter(hidden)
    for words, writes, start, end in _spans(text):
        yield _Part(words, writes, _FIELD.sub(lambda _: next(fields, ""), text[start:end]))


def _spans(text: str) -> Iterator[tuple[list[str], list[str], int, int]]:
    """Give words and written files between operators, and from where to where they stand."""
    stream = io.StringIO(text)
    lexer = shlex.shlex(stream, posix=True, punctuation_chars=_PUNCTUATION)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    words: list[str] = []
    writes: list[str] = []
    start = 0
    tokens = iter(lexer)
    for token in tokens:
        end = text.rfind(token, 0, stream.tell())  # the lexer reads one character ahead
        if not token or token.strip(_PUNCTUATION) or text[:end].endswith("\\"):
            words.append(token)
        elif set(token) & {"<", ">"}:
            writes += _written(token, next(tokens, ""))
            if words and words[-1].isdecimal():  # the number of a stream
                words.pop()
        else:
            yield words, writes, start, end
            words, writes, start = [], [], end + len(token)
    yield words, writes, start, len(text)


def _written(operator: str, target: str) -> Iterator[str]:
    """Give the file that a redirection writes, if it does: no stream, no device."""
    if ">" in operator and target.strip("-0123456789") and not target.startswith(("/dev/", "/proc/")):
        yield target
