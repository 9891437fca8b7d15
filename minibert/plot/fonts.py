"""Which characters can be written: asked of the fonts beforehand, so that none becomes a box."""

import functools
import re

from minibert.plot.canvas import STYLE

CJK_FONTS = re.compile(
    r"CJK|Source Han|Noto (Sans|Serif) (SC|TC|HK|JP|KR)|WenQuanYi|Droid Sans Fallback|AR PL"
    r"|Sarasa|LXGW|SimHei|SimSun|YaHei|JhengHei|MingLiU|KaiTi|FangSong|PingFang|Heiti|Songti|Hiragino"
    r"|Arial Unicode|Unifont|Meiryo|Yu Gothic|Malgun|IPA"
)


def readable(texts, substitutes):
    """The texts, each that no installed font can write exchanged for its substitute, and the fonts.

    Asking the fonts beforehand is what avoids empty boxes, and matplotlib's warning about them.
    """
    family = list(STYLE["font.family"])
    known = characters(family[0])
    missing = {c for text in texts for c in text} - known
    if missing:
        best = max(cjk_families(), key=lambda name: len(missing & characters(name)), default=None)
        if best is not None and missing & characters(best):
            family.append(best)
            known = known | characters(best)
    pairs = zip(texts, substitutes, strict=True)
    return [a if a.strip() and known.issuperset(a) else b for a, b in pairs], family


def cjk_families():
    """Names of the installed fonts that are known to have Chinese characters."""
    from matplotlib import font_manager

    return sorted({f.name for f in font_manager.fontManager.ttflist if CJK_FONTS.search(f.name)})


@functools.lru_cache
def characters(family):
    """The characters that a font can write."""
    from matplotlib import font_manager

    path = font_manager.findfont(font_manager.FontProperties(family=family))
    return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
