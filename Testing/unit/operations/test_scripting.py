import pytest

from AgentBridgeLib.operations.scene import scripting


@pytest.fixture(autouse=True)
def no_sessions(monkeypatch):
    monkeypatch.setattr(scripting, "_sessions", {})


def execute(context, source, **arguments):
    return scripting.execute(context, scripting.ExecuteArguments(source=source, **arguments))


def test_output_errors_and_value_come_apart(context):
    """issue:#2."""
    done = execute(context, "import sys\nprint('a')\nprint('b', file=sys.stderr)\n40 + 2")
    assert (done.outcome, done.stdout, done.stderr, done.value) == ("completed", "a\n", "b\n", "42")
    assert done.traceback is None


def test_session_keeps_its_variables_apart_from_others_and_from_main(context):
    """issue:#2."""
    execute(context, "x = 1")
    assert execute(context, "x").value == "1"
    assert execute(context, "x", session="other").outcome == "raised"
    import __main__

    assert not hasattr(__main__, "x")
    assert execute(context, "__name__").value == "'agentbridge_session_default'"


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("raise SystemExit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f():\n    1/0\nf()", "ZeroDivisionError"),
        ("x = (", "SyntaxError"),
        ("exit()", "SystemExit"),
        ("class E(BaseException):\n    def __str__(self): raise SystemExit\nraise E", "E"),
        ("class R:\n    def __repr__(self): raise SystemExit\nR()", "SystemExit"),
        ("a = [1]\na[5]\n", "IndexError"),
        ("'\\0'\nx = '\x00'", "Error"),
    ],
)
def test_whatever_is_raised_is_caught_and_told(context, source, word):
    """issue:#2."""
    done = execute(context, source)
    assert done.outcome == "raised"
    assert word in done.traceback


@pytest.mark.parametrize("source", ["print('\\udc80')", "raise ValueError('\\udc80')", "'\\udc80'"])
def test_text_that_is_no_unicode_is_told_as_python_writes_it(context, source):
    """house: names of files in another encoding; JSON in UTF-8 cannot hold them."""
    done = execute(context, source)
    assert "\\udc80" in done.stdout + str(done.value) + str(done.traceback)
    assert done.model_dump_json()


def test_traceback_shows_the_code_and_not_the_bridge(context):
    """house."""
    done = execute(context, "def inner():\n    return missing_name\ninner()", session="s1")
    assert 'File "<session s1>", line 2, in inner' in done.traceback
    assert "return missing_name" in done.traceback
    assert "scripting.py" not in done.traceback


def test_texts_are_cut_at_the_limit(context):
    """issue:#2."""
    done = execute(context, "for _ in range(1000): print('x' * 1000)\n'y' * 5000", max_output_chars=100)
    assert (len(done.stdout), len(done.value)) == (100, 100)
    assert done.is_truncated
    assert not execute(context, "1", max_output_chars=100).is_truncated


def test_only_so_many_sessions_are_kept(context):
    """house."""
    for number in range(scripting.MOST_SESSIONS):
        execute(context, f"x = {number}", session=f"s{number}")
    execute(context, "x", session="s0")
    execute(context, "x = 1", session="new")
    assert execute(context, "x", session="s0").value == "0"
    assert execute(context, "x", session="s1").outcome == "raised"


def test_statements_have_no_value(context):
    """house."""
    assert execute(context, "x = 1").value is None
    assert execute(context, "None").value is None
