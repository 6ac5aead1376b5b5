"""Places of keys in TOML."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from dialer.config.toml_place import places

DOCUMENT = '''
# a comment [not.a.table]
title = "a # in a text"   # 3

[a]                       # 5
b.c = 1                   # 6
"quoted key" = """two
lines = "here" """        # 7
'x.y' = [                 # 9
  1,                      # 10
  { deep = true, more = ["p", "q"] },   # 11
]

[[node]]                  # 14
name = 'one'              # 15
[node.more]               # 16
at = 1979-05-27 07:32:00  # 17
[[node]]                  # 18
name = "t\\u00e9"         # 19
[service."Sales VQ"]      # 20
skills = {Sales = 5, "Home Loans" = 2}
'''


def test_every_key_has_its_line():
    lines = places(DOCUMENT)
    expected = {
        ("title",): 3,
        ("a",): 5,
        ("a", "b"): 6,
        ("a", "b", "c"): 6,
        ("a", "quoted key"): 7,
        ("a", "x.y"): 9,
        ("a", "x.y", 0): 10,
        ("a", "x.y", 1): 11,
        ("a", "x.y", 1, "deep"): 11,
        ("a", "x.y", 1, "more", 1): 11,
        ("node",): 14,
        ("node", 0): 14,
        ("node", 0, "name"): 15,
        ("node", 0, "more"): 16,
        ("node", 0, "more", "at"): 17,
        ("node", 1): 18,
        ("node", 1, "name"): 19,
        ("service", "Sales VQ"): 20,
        ("service", "Sales VQ", "skills", "Home Loans"): 21,
    }
    assert {path: lines.get(path) for path in expected} == expected


def flatten(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from flatten(child, (*path, key))


def written(value):
    match value:
        case bool():
            return str(value).lower()
        case str():
            return (
                '"'
                + "".join(f"\\U{ord(c):08x}" if c in '"\\' or ord(c) < 32 or ord(c) == 127 else c for c in value)
                + '"'
            )
        case list():
            return "[" + ",\n".join(map(written, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{written(k)} = {written(v)}" for k, v in value.items()) + "}"
        case _:
            return str(value)


texts = st.text(st.characters(codec="utf-8"), max_size=8)
keys = st.text(st.characters(codec="utf-8", categories=["L", "Nd", "P", "Zs"], exclude_characters='"\\'), max_size=8)
values = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(keys, values, max_size=5))
def test_in_any_document_every_key_and_item_is_placed_on_a_line_of_its_own_pair(document):
    text = "".join(f"{written(key)} = {written(value)}\n" for key, value in document.items())
    assert tomllib.loads(text) == document
    lines = places(text)
    assert set(lines) | {()} == set(flatten(document))
    starts = [lines[(key,)] for key in document]
    assert starts == sorted(starts)
