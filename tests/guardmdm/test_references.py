"""What code and documents refer to is there: rules, decision records, other documents."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = re.compile(r"\((?:[STDAR]\d{1,2}[,;] )*[STDAR]\d{1,2}[);]")
RULE = re.compile(r"[STDAR]\d{1,2}")
RECORD = re.compile(r"\badr/(\d{4})\b")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def read_files(*endings: str) -> Iterator[tuple[Path, str]]:
    """The project's own files; not the environment (.venv) and not the data of a server."""
    for top in ROOT.iterdir():
        if top.name.startswith(".") or top.name == "data":
            continue
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.suffix in endings and path.is_file():
                yield path, path.read_text()


def test_rule_stands_in_the_document_when_somebody_names_it() -> None:
    known = set(re.findall(r"\*\*([STDAR]\d{1,2})\*\*", (ROOT / "docs/security.md").read_text()))
    named = {
        rule
        for path, text in read_files(".py", ".md")
        if not path.is_relative_to(ROOT / "tests")
        for rules in RULES.findall(text)
        for rule in RULE.findall(rules)
    }
    assert named
    assert named <= known


def test_record_is_there_when_somebody_refers_to_it() -> None:
    known = {path.name[:4] for path in (ROOT / "docs/adr").iterdir()}
    for path, text in read_files(".py", ".md", ".toml", ".yml"):
        assert set(RECORD.findall(text)) <= known, path


def test_link_leads_to_a_file_when_it_is_relative() -> None:
    for path, text in read_files(".md"):
        for target in LINK.findall(text):
            assert (path.parent / target).exists(), (path, target)
