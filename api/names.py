"""Which strings may be names: upstream's `util/validation` formats and what it says when one does not fit.

Every check returns the messages of what is wrong, none when the value fits.
"""

from __future__ import annotations

import functools
import ipaddress
import re

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_UNDERSCORE_LABEL = "[_a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_UNDERSCORE_SUBDOMAIN = rf"{_UNDERSCORE_LABEL}(\.{_UNDERSCORE_LABEL})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"

_LONGEST_CACHED = 253 + 1 + 63  # a prefix, a slash and a name

_LABEL_RE = re.compile(_LABEL)
_SUBDOMAIN_RE = re.compile(_SUBDOMAIN)
_UNDERSCORE_SUBDOMAIN_RE = re.compile(_UNDERSCORE_SUBDOMAIN)
_QUALIFIED_RE = re.compile(_QUALIFIED)
_LABEL_VALUE_RE = re.compile(_LABEL_VALUE)
_CONFIG_KEY_RE = re.compile(_CONFIG_KEY)
_PORT_CHARACTERS_RE = re.compile("[-a-z0-9]+")

_LABEL_MESSAGE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-',"
    " and must start and end with an alphanumeric character"
)
_SUBDOMAIN_MESSAGE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character"
)
_UNDERSCORE_SUBDOMAIN_MESSAGE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character"
)
_QUALIFIED_MESSAGE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_LABEL_VALUE_MESSAGE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character"
)
_CONFIG_KEY_MESSAGE = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"


def regex_message(text: str, pattern: str, *examples: str) -> str:
    """Upstream's `RegexError`: the rule in words, examples, and the expression."""
    if not examples:
        return f"{text} (regex used for validation is '{pattern}')"
    shown = ", ".join((" or " if index else "") + f"'{example}'" for index, example in enumerate(examples))
    return f"{text} (e.g. {shown}, regex used for validation is '{pattern}')"


def max_length_message(length: int) -> str:
    return f"must be no more than {length} characters"


def dns1123_label(value: str) -> list[str]:
    """A name of at most 63 characters usable as one DNS label ("namespaces", containers, volumes)."""
    problems = [max_length_message(63)] if len(value) > 63 else []
    if not _LABEL_RE.fullmatch(value):
        if _SUBDOMAIN_RE.fullmatch(value):
            return [*problems, "must not contain dots"]
        problems.append(regex_message(_LABEL_MESSAGE, _LABEL, "my-name", "123-abc"))
    return problems


def dns1123_subdomain(value: str) -> list[str]:
    """A name of at most 253 characters made of DNS labels and dots; most objects' names."""
    problems = [max_length_message(253)] if len(value) > 253 else []
    if not _SUBDOMAIN_RE.fullmatch(value):
        problems.append(regex_message(_SUBDOMAIN_MESSAGE, _SUBDOMAIN, "example.com"))
    return problems


def dns1123_subdomain_with_underscores(value: str) -> list[str]:
    """A DNS search domain: labels may start with an underscore ("_tcp.example.com")."""
    problems = [max_length_message(253)] if len(value) > 253 else []
    if not _UNDERSCORE_SUBDOMAIN_RE.fullmatch(value):
        problems.append(regex_message(_UNDERSCORE_SUBDOMAIN_MESSAGE, _UNDERSCORE_SUBDOMAIN, "example.com"))
    return problems


def path_segment(value: str) -> list[str]:
    """A name that may stand in a URL path: RBAC's names."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{symbol}'" for symbol in "/%" if symbol in value]


@functools.lru_cache(4096)
def _qualified_name(value: str) -> tuple[str, ...]:
    prefix, slash, name = value.rpartition("/")
    problems: list[str] = []
    if "/" in prefix:
        text = regex_message(_QUALIFIED_MESSAGE, _QUALIFIED, "MyName", "my.name", "123-abc")
        return (f"a qualified name {text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",)
    if slash:
        if not prefix:
            problems.append("prefix part must be non-empty")
        else:
            problems.extend(f"prefix part {message}" for message in dns1123_subdomain(prefix))
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > 63:
        problems.append(f"name part {max_length_message(63)}")
    if not _QUALIFIED_RE.fullmatch(name):
        text = regex_message(_QUALIFIED_MESSAGE, _QUALIFIED, "MyName", "my.name", "123-abc")
        problems.append(f"name part {text}")
    return tuple(problems)


def qualified_name(value: str) -> list[str]:
    """A key of labels, annotations, resources, taints: "name" or "prefix.example.com/name"."""
    return list(_qualified_name(value) if len(value) <= _LONGEST_CACHED else _qualified_name.__wrapped__(value))


def label_value(value: str) -> list[str]:
    problems = [max_length_message(63)] if len(value) > 63 else []
    if not _LABEL_VALUE_RE.fullmatch(value):
        problems.append(regex_message(_LABEL_VALUE_MESSAGE, _LABEL_VALUE, "MyValue", "my_value", "12345"))
    return problems


def env_name(value: str) -> list[str]:
    """An environment variable's name: any printable ASCII but "=" (upstream's rule since 1.32)."""
    if all(" " <= character <= "~" and character != "=" for character in value):
        return []
    return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]


def config_key(value: str) -> list[str]:
    """A key of a ConfigMap or Secret: a file name."""
    problems = [max_length_message(253)] if len(value) > 253 else []
    if not _CONFIG_KEY_RE.fullmatch(value):
        problems.append(regex_message(_CONFIG_KEY_MESSAGE, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    elif value == ".":
        problems.append("must not be '.'")
    elif value == "..":
        problems.append("must not be '..'")
    elif value.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def port_number(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else ["must be between 1 and 65535, inclusive"]


def port_name(value: str) -> list[str]:
    """An IANA service name: at most 15 characters, at least one letter, no doubled hyphens."""
    problems = []
    if len(value) > 15:
        problems.append(max_length_message(15))
    if not _PORT_CHARACTERS_RE.fullmatch(value):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= character <= "z" for character in value):
        problems.append("must contain at least one letter (a-z)")
    if "--" in value:
        problems.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def ip_address(value: str) -> list[str]:
    """An IPv4 or IPv6 address, without zone."""
    try:
        parsed = ipaddress.ip_address(value)
    except ValueError:
        parsed = None
    if parsed is None or "%" in value:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return []
