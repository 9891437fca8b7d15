"""Python source as HTML, lightly coloured."""

import html
import inspect
import io
import keyword
import textwrap
import token
import tokenize

STRINGS = {
    getattr(token, name)
    for name in ("STRING", "FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
    if hasattr(token, name)  # f-strings have tokens of their own from Python 3.12 on
}
BETWEEN_STATEMENTS = {token.INDENT, token.DEDENT, token.NEWLINE}
SILENT = {token.COMMENT, token.NL}


def source_of(thing):
    """The source of a function or class, flush left; None where Python does not know it."""
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(thing))).rstrip()
    except (OSError, TypeError):
        return None


def highlighted(code):
    """The code escaped for HTML, its parts in classes that the style sheet colours.

    k is a keyword, n a number, s a string, d a docstring, c a comment.

    Examples
    --------
    >>> print(highlighted("if x < 1:  # small"))
    <span class="k">if</span> x &lt; <span class="n">1</span>:  <span class="c"># small</span>
    """
    starts = [0]
    for line in code.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    pieces, done = [], 0
    for kind, begin, end in _marks(code):
        begin, end = (starts[line - 1] + column for line, column in (begin, end))
        if begin >= done:
            text = html.escape(code[begin:end], quote=False)
            pieces += [html.escape(code[done:begin], quote=False)]
            pieces += [f'<span class="{kind}">{text}</span>']
            done = end
    return "".join(pieces) + html.escape(code[done:], quote=False)


def _marks(code):
    """(class, start, end) of all that has a colour; of nothing after what is not Python."""
    begins_statement = True
    try:
        for item in tokenize.generate_tokens(io.StringIO(code).readline):
            if item.type in STRINGS:
                yield ("d" if begins_statement else "s"), item.start, item.end
            elif item.type == token.COMMENT:
                yield "c", item.start, item.end
            elif item.type == token.NUMBER:
                yield "n", item.start, item.end
            elif item.type == token.NAME and keyword.iskeyword(item.string):
                yield "k", item.start, item.end
            if item.type not in SILENT:
                begins_statement = item.type in BETWEEN_STATEMENTS
    except (tokenize.TokenError, IndentationError):
        return
