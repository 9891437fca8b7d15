"""The report of `minibert verify` as one HTML file: every formula, its code, and the proof of it.

The file needs no network and no script. Equations are typeset by matplotlib, as outlines.
"""

from minibert.check.page.document import html_page, write_page
from minibert.check.page.equation import equation_svg
from minibert.check.page.tables import error_text

__all__ = ["equation_svg", "error_text", "html_page", "write_page"]
