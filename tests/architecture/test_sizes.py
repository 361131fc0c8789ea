"""Ceilings that keep the house small: lines of a file, lines of a function, parameters."""

import ast

from tests.architecture.sources import ROOMS, ROOT, every, fail_on, functions, read, sql_files, sql_texts

FILE_LINES = 300
FUNCTION_LINES = 40
#: Lines of SQL in a program, and of a statement's own file; characters of a line there.
SQL_LINES, SQL_FILE_LINES, SQL_WIDTH = 15, 60, 130
PARAMETERS = 5


def test_a_file_fits_in_a_mind() -> None:
    """No file has more than 300 lines."""
    lines = {path: len((ROOT / path).read_text().splitlines()) for path in every(*ROOMS, "deploy")}
    long = [f"{path}: {count} lines" for path, count in lines.items() if count > FILE_LINES]

    fail_on(long)


def test_a_function_fits_on_a_screen() -> None:
    """No function has more than 40 lines or more than 5 parameters."""
    broken = [
        f"{path}:{function.lineno}: {function.name}: {_lines(function)} lines, {_parameters(function)} parameters"
        for path in every(*ROOMS, "deploy")
        for function in functions(read(path))
        if _lines(function) > FUNCTION_LINES or _parameters(function) > PARAMETERS
    ]

    fail_on(broken)


def test_long_statements_have_files_of_their_own() -> None:
    """No text of SQL in a program has more than 15 lines: it is nobody's function, and no ceiling would count it."""
    long = [
        f"{path}:{text.lineno}: {lines} lines"
        for path in every(*ROOMS)
        for text in sql_texts(read(path))
        if (lines := (text.end_lineno or text.lineno) - text.lineno + 1) > SQL_LINES
    ]

    fail_on(long)


def test_a_statement_fits_on_a_page() -> None:
    """No file of SQL has more than 60 lines, nor a line of more than 130 characters."""
    broken = []
    for path in sql_files():
        lines = (ROOT / path).read_text().splitlines()
        if len(lines) > SQL_FILE_LINES or max(map(len, lines)) > SQL_WIDTH:
            broken.append(f"{path}: {len(lines)} lines, the longest of {max(map(len, lines))} characters")

    fail_on(broken)


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From `def` to its end, the docstring included."""
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """All but `self` or `cls`, keyword-only ones included."""
    given = function.args
    named = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(named) - (named[:1] in (["self"], ["cls"]))
