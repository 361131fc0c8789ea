"""What is cited is there: rules of `deploy/spec`, decisions by their number, documents by their name; and every rule is cited.

What the rules say is left to the tests that cite them.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture.sources import ROOMS, ROOT, fail_on

SPEC = ROOT / "deploy" / "spec"
#: The files that have numbered rules, by the names that they are cited under.
BOOKS = tuple(f"{name}.md" for name in ("greenlake", "cloudevents", "protocol"))
#: What a heading or a rule begins with: numbers with a dot between, or behind a letter.
KEY = r"(?:[A-Z]\.?)?\d+(?:\.\d+)?"
#: The one form of a citation: the file, a number, and further numbers of the same file behind commas.
CITATION = re.compile(rf"\b({'|'.join(map(re.escape, BOOKS))}) ({KEY}(?:, {KEY})*)\b")
#: The same file in any other form, but for its path; links are no citations.
MENTION = re.compile(rf"(?<!/)\b(?:{'|'.join(map(re.escape, BOOKS))})")
LINK = re.compile(r"\[[^]]*\]\([^)]*\)")
#: A rule's number without its file, where it has a letter. Percent-encoded bytes look alike.
BARE = re.compile(r"(?<![\w%.\\+-])(?:D\.\d{1,2}|[CJBHWS]\d{1,2})\b(?!\.\d|[%\w])")
#: Numbers of the same file in brackets; those with three digits are of HTTP.
WITHIN = re.compile(rf"\((?!\d{{3}}\))(?:section )?({KEY}(?:(?:, | to ){KEY})*)\)")
DECISION = re.compile(r"\bdecision (\d+)\b")
DOCUMENT = re.compile(r"(?<![\w./-])[\w./-]*\w\.md\b")
#: Texts, by their endings; all else is left out.
TEXTS = {".py", ".sql", ".md", ".toml", ".mjs", ".go", ".html", ".example", ""}
CODE = {".py", ".sql"}
MOST_WORDS = 40

Line = tuple[Path, int, str]


@cache
def lines() -> tuple[Line, ...]:
    """Every line of code, tests and prose, by its file's path from the root, but for what is generated or kept as input."""
    folders = (*ROOMS, "tests", "deploy")
    files = [ROOT / name for name in ("README.md", "CHANGELOG.md", "Makefile", "pyproject.toml")]
    files += [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    return tuple(
        (path.relative_to(ROOT), number, line)
        for path in sorted(files)
        if path.suffix in TEXTS and not {"__pycache__", "corpus"} & set(path.parts)
        for number, line in enumerate(path.read_text().splitlines(), 1)
    )


def cited(line: str) -> Iterator[tuple[str, str]]:
    """The (file, number) that a line cites in the one form."""
    for book, keys in CITATION.findall(line):
        yield from ((book, key) for key in keys.split(", "))


@cache
def rules() -> dict[tuple[str, str], bool]:
    """(file, number) of every heading and rule, and whether it is a rule: what has no further number below it."""
    found: dict[tuple[str, str], bool] = {}
    for book in BOOKS:
        above: list[tuple[int, str]] = []
        for line in (SPEC / book).read_text().splitlines():
            heading = re.match(rf"(#+) ({KEY}|[A-Z]) ", line)
            rule = re.match(rf"\*\*({KEY})\*\* ", line)
            if not (heading or rule):
                continue
            depth, key = (len(heading[1]), heading[2]) if heading else (9, rule[1] if rule else "")
            above = [each for each in above if each[0] < depth]
            for _, parent in above:
                found[book, parent] = False
            assert (book, key) not in found, f"{book} has {key} twice"
            found[book, key] = True
            above.append((depth, key))
    return found


def test_every_citation_leads_to_a_rule() -> None:
    """What is cited in code, tests and prose is a number of a file in deploy/spec, in the one form."""
    wrong = []
    for path, number, line in lines():
        wrong += [f"{path}:{number}: {book} has no {key}" for book, key in cited(line) if (book, key) not in rules()]
        rest = CITATION.sub("", LINK.sub("", line))
        if MENTION.search(rest):
            wrong.append(f"{path}:{number}: cited in another form than `<file>.md <number>, <number>`")
        if path.suffix in CODE and BARE.search(rest):
            wrong.append(f"{path}:{number}: a number without its file: {BARE.findall(rest)}")

    fail_on(wrong)


def test_every_rule_is_cited() -> None:
    """A rule that no line of code and no test cites is one that nobody keeps."""
    known = {each for path, _, line in lines() if path.suffix in CODE for each in cited(line)}
    uncited = [f"{book} {key}" for (book, key), rule in rules().items() if rule and (book, key) not in known]

    fail_on(uncited)


def test_rules_that_name_each_other() -> None:
    """Within its own file a rule is named by its number alone: that is there, too."""
    wrong = []
    for path, number, line in lines():
        if path.parent == Path("deploy/spec") and path.name in BOOKS:
            named = [key for inside in WITHIN.findall(line) for key in re.findall(KEY, inside)]
            wrong += [f"{path}:{number}: no {key}" for key in named if (path.name, key) not in rules()]

    fail_on(wrong)


def test_documents_that_are_named() -> None:
    """Every document that is named is there: by its path from the root or beside it, or as one of the project's own."""
    wrong = []
    decided = {int(each.name[:4]) for each in (ROOT / "deploy" / "decisions").glob("*.md")}
    for path, number, line in lines():
        for name in DOCUMENT.findall(line):
            beside = [ROOT / name, ROOT / path.parent / name, ROOT / "deploy" / name, SPEC / name]
            if not any(each.exists() for each in beside):
                wrong.append(f"{path}:{number}: {name}")
        wrong += [f"{path}:{number}: decision {n}" for n in DECISION.findall(line) if int(n) not in decided]

    fail_on(wrong)


def test_decisions_are_numbered() -> None:
    """Each decision has a number of its own, without a gap, in its name and in its heading."""
    files = sorted((ROOT / "deploy" / "decisions").glob("*.md"))

    assert [each.name[:5] for each in files] == [f"{number:04}-" for number in range(1, len(files) + 1)]
    fail_on(each.name for each in files if not each.read_text().startswith(f"# {int(each.name[:4])}. "))


def test_the_glossary_is_short() -> None:
    """At most forty words, each once."""
    rows = re.findall(r"^\| (.+?) \| .+ \|$", (SPEC / "glossary.md").read_text(), re.MULTILINE)[1:]

    words = [row.lower() for row in rows]
    fail_on(f"{word} stands twice" for word in sorted({word for word in words if words.count(word) > 1}))
    assert len(rows) <= MOST_WORDS
