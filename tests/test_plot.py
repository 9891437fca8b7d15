"""The figures: what is drawn is what was given, labels are readable, nothing global is touched."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import minibert
from minibert import plot
from minibert.plot import fonts

matplotlib = pytest.importorskip("matplotlib")

HISTORY = [
    {"step": i, "loss": 3.0 / i + 1, "attention": 2.0 / i, "hidden": 1.0 + 1.0 / i,
     "lr": 1e-3, "grad_norm": 1.0, "tokens_per_s": 9.0}
    for i in range(1, 8)
]
ROWS = [
    {"name": "bag-of-words", "accuracy": 0.71, "bytes": 210_000, "latency_ms_1": None},
    {"name": "teacher", "accuracy": 0.93, "bytes": 4_100_000, "latency_ms_1": 4.0},
    {"name": "student-alone", "accuracy": 0.910, "bytes": 1_210_000, "latency_ms_1": 1.1},
    {"name": "student-distilled", "accuracy": 0.911, "bytes": 1_210_000, "latency_ms_1": 1.1},
    {"name": "pruned", "accuracy": 0.909, "bytes": 1_190_000, "latency_ms_1": 1.09},
    {"name": "int8", "accuracy": 0.912, "bytes": 1_180_000, "latency_ms_1": 1.08},
]


@pytest.fixture(autouse=True)
def _no_warnings():
    """A glyph that a font lacks is a warning in matplotlib, an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def attention(rng, H, L):
    p = rng.random((H, L, L))
    return p / p.sum(-1, keepdims=True)


def int8(w):
    scale = np.abs(w).max(1, keepdims=True) / 127
    scale[scale == 0] = 1
    q = np.rint(w / scale)
    return q, (q * scale).astype(np.float32)


def maps(figure):
    return [ax for ax in figure.axes if ax.images]


def images(figure):
    return [ax.images[0].get_array() for ax in maps(figure)]


# ---- loss curves


@pytest.mark.quick
def test_loss_curves_draws_a_panel_a_stage_and_a_line_a_part():
    bare = [{"step": 1, "loss": 0.7}, {"step": 2, "loss": 0.6}]
    figure = plot.loss_curves({"general": HISTORY, "alone": bare})
    first, second = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["general", "alone"]
    assert [line.get_label() for line in first.lines] == ["attention", "hidden"]
    assert np.allclose(first.lines[0].get_ydata(), [row["attention"] for row in HISTORY])
    assert np.allclose(second.lines[0].get_ydata(), [0.7, 0.6])
    figure.canvas.draw()


def test_loss_curves_is_logarithmic_only_where_that_helps():
    wide = [{"step": i, "loss": 10.0**-i} for i in range(1, 4)]
    negative = [{"step": i, "loss": 1.0 - i * 30} for i in range(1, 4)]
    figure = plot.loss_curves({"wide": wide, "narrow": wide[:1] * 3, "negative": negative})
    assert [ax.get_yscale() for ax in figure.axes] == ["log", "linear", "linear"]


def test_loss_curves_smooths_long_histories_without_moving_them():
    rows = [{"step": i, "loss": 5.0 - 0.01 * i} for i in range(1, 201)]
    raw, smooth = plot.loss_curves({"long": rows}).axes[0].lines
    assert len(raw.get_xdata()) == 200
    # The average of a straight line lies on that line.
    assert np.allclose(smooth.get_ydata(), 5.0 - 0.01 * smooth.get_xdata())


def test_loss_curves_names_a_stage_without_rows():
    with pytest.raises(ValueError, match="general"):
        plot.loss_curves({"general": []})


# ---- attention maps


@pytest.mark.quick
def test_attention_maps_draws_every_head_of_both_models(rng):
    tokens = ["[CLS]", "snow", "##man", "$5$", "[SEP]"]
    teacher, student = attention(rng, 3, 5), attention(rng, 2, 5)
    figure = plot.attention_maps(tokens, teacher, student)
    drawn = images(figure)
    assert len(drawn) == 5
    for got, expected in zip(drawn, [*teacher, *student], strict=True):
        assert np.array_equal(got, expected)
    assert [label.get_text() for label in maps(figure)[0].get_yticklabels()] == tokens
    figure.canvas.draw()  # "$5$" must not be read as a formula, nor anything be missing


def test_attention_maps_takes_lists_of_layers(rng):
    layers = [attention(rng, 7, 3) for _ in range(2)]
    titles = [("teacher 3", "student 1"), ("teacher 6", "student 2")]
    figure = plot.attention_maps(["a", "b", "c"], layers, layers, titles)
    assert len(images(figure)) == 28
    shown = [sub.get_suptitle() for sub in figure.subfigs if sub.get_suptitle()]
    assert shown == ["teacher 3", "student 1", "teacher 6", "student 2"]
    with pytest.raises(ValueError, match="2 layers, student 1"):
        plot.attention_maps(["a", "b", "c"], layers, layers[:1])
    with pytest.raises(ValueError, match="titles"):
        plot.attention_maps(["a", "b", "c"], layers, layers, titles[:1])


def test_attention_maps_refuses_other_numbers_of_tokens(rng):
    p = attention(rng, 2, 5)
    with pytest.raises(ValueError, match="4 tokens"):
        plot.attention_maps(list("abcd"), p, p)


def test_long_texts_get_fewer_labels(rng):
    p = attention(rng, 12, 101)
    figure = plot.attention_maps(["token"] * 101, p, p)
    assert 2 < len(maps(figure)[0].get_yticklabels()) < 30


# ---- labels and fonts


def test_a_token_that_no_font_can_write_gets_its_index(monkeypatch, rng):
    monkeypatch.setattr(fonts, "cjk_families", list)
    tokens = ["[CLS]", "今", "天", " ", "\u200b\U000f0000", "[SEP]"]
    labels, family = fonts.readable(tokens, [f"#{i}" for i in range(6)])
    assert labels == ["[CLS]", "#1", "#2", "#3", "#4", "[SEP]"]
    assert family == ["DejaVu Sans"]
    p = attention(rng, 2, 6)
    plot.attention_maps(tokens, p, p).canvas.draw()


def test_an_installed_chinese_font_is_used(monkeypatch):
    has = {"DejaVu Sans": frozenset("[CLS]"), "Half": frozenset("今"), "Whole": frozenset("今天")}
    monkeypatch.setattr(fonts, "cjk_families", lambda: ["Half", "Whole"])
    monkeypatch.setattr(fonts, "characters", has.__getitem__)
    labels, family = fonts.readable(["[CLS]", "今", "天", "😀"], ["#0", "#1", "#2", "#3"])
    assert labels == ["[CLS]", "今", "天", "#3"]
    assert family == ["DejaVu Sans", "Whole"]


def test_whatever_font_is_installed_chinese_draws_without_warning(rng):
    p = attention(rng, 2, 5)
    plot.attention_maps(["[CLS]", "天", "气", "好", "[SEP]"], p, p).canvas.draw()


# ---- weight histograms


def test_weight_histograms_counts_every_level(rng):
    w = rng.standard_normal((13, 101))
    w[4] = 0.0  # a row of zeros has no scale of its own
    q, after = int8(w)
    figure = plot.weight_histograms({"w": w}, {"w": after})
    heights, edges, _ = figure.axes[0].patches[0].get_data()
    assert np.array_equal(edges, np.arange(-127.5, 128))
    assert heights.tolist() == [int((q == level).sum()) for level in range(-127, 128)]
    bars = figure.axes[1].patches[:9]
    assert [bar.get_height() for bar in bars] == heights[123:132].tolist()
    assert f"{np.unique(q).size} of 255 levels" in figure.axes[0].get_title(loc="left")
    figure.canvas.draw()


def test_weight_histograms_has_as_many_float_weights_as_int8_ones(rng):
    w = rng.standard_normal((13, 101))
    figure = plot.weight_histograms({"w": w}, {"w": int8(w)[1]})
    values, edges, _ = figure.axes[0].patches[1].get_data()
    assert np.isclose((values * np.diff(edges)).sum(), w.size)


def test_weight_histograms_takes_one_scale_for_the_whole_matrix(rng):
    w = rng.standard_normal((5, 7))
    scale = np.abs(w).max() / 127
    after = np.rint(w / scale) * scale
    plot.weight_histograms({"w": w}, {"w": after}).canvas.draw()


def test_weight_histograms_refuses_what_is_not_int8(rng):
    w = rng.standard_normal((5, 7))
    with pytest.raises(ValueError, match="255 levels"):
        plot.weight_histograms({"w": w}, {"w": w})
    with pytest.raises(ValueError, match="only one"):
        plot.weight_histograms({"w": w}, {"v": w})
    with pytest.raises(ValueError, match="shapes"):
        plot.weight_histograms({"w": w}, {"w": w[:2]})


# ---- accuracy against size or time


@pytest.mark.parametrize(("field", "names"), [("bytes", 6), ("latency_ms_1", 5)])
def test_accuracy_labels_cover_neither_each_other_nor_points(field, names):
    figure = plot.accuracy_against(ROWS, field, "cost")
    figure.canvas.draw()
    (ax,) = figure.axes
    assert ax.get_xscale() == "log"
    drawn = ax.collections[0].get_offsets()
    rows = [row for row in ROWS if row[field]]
    assert np.allclose(drawn, [(row[field], row["accuracy"]) for row in rows])
    assert [text.get_text() for text in ax.texts] == [row["name"] for row in rows]
    assert len(rows) == names
    boxes = [matplotlib.text.Text.get_window_extent(text) for text in ax.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert not any(box.contains(*point) for point in ax.transData.transform(drawn))
        assert ax.bbox.x0 <= box.x0 < box.x1 <= ax.bbox.x1


def test_accuracy_says_when_no_row_has_the_field():
    with pytest.raises(ValueError, match="latency_ms_32"):
        plot.accuracy_against(ROWS, "latency_ms_32", "ms")


def test_another_measure_is_no_percentage():
    rows = [{"name": "a", "pearson": 0.81, "bytes": 9}, {"name": "b", "pearson": 0.7, "bytes": 90}]
    figure = plot.accuracy_against(rows, "bytes", "size", "pearson")
    figure.canvas.draw()
    (ax,) = figure.axes
    assert ax.get_ylabel() == "pearson"
    assert not any("%" in label.get_text() for label in ax.get_yticklabels())


@pytest.mark.parametrize("span", [1.0, 1.3, 7.0, 300.0, 1e6])
def test_a_logarithmic_axis_has_labels_whatever_its_span(span):
    rows = [{"name": f"n{i}", "accuracy": 0.5, "bytes": 130 * span**i} for i in range(2)]
    figure = plot.accuracy_against(rows, "bytes", "size")
    figure.canvas.draw()
    (ax,) = figure.axes
    low, high = ax.get_xlim()
    labels = [t.get_text() for t in ax.get_xticklabels() if low <= t.get_position()[0] <= high]
    assert len(labels) >= 2 or span == 1.0
    assert all(label.endswith("B") for label in labels)


# ---- helpers of the lessons


def test_heatmaps_and_lines_draw_what_they_get(rng):
    signed, positive = rng.standard_normal((3, 5)), rng.random((3, 5))
    figure = plot.heatmaps({"a": signed, "b": positive}, list("xyz"), list("vwxyz"))
    assert np.array_equal(images(figure)[0], signed)
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high  # white is zero
    assert figure.axes[1].images[0].get_clim()[0] == 0
    figure.canvas.draw()
    figure = plot.lines({"a": ([1, 10], [2, 3])}, x_label="x", y_label="y", log_x=True)
    assert np.array_equal(figure.axes[0].lines[0].get_ydata(), [2, 3])
    figure.canvas.draw()


# ---- files, notebooks, and what must stay untouched


def test_save_writes_the_same_bytes_and_nothing_else(tmp_path):
    names = ["a.png", "b.png", "a.svg", "b.svg"]
    for name in names:
        plot.save(plot.loss_curves({"x": HISTORY}), tmp_path / "figures" / name)
    written = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert sorted(written) == sorted(names)
    assert written["a.png"] == written["b.png"]
    assert written["a.svg"] == written["b.svg"]
    assert written["a.png"].startswith(b"\x89PNG")


def test_save_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    figure = plot.loss_curves({"x": HISTORY})

    def full(temporary, **_):
        Path(temporary).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", full)
    with pytest.raises(OSError, match="disk full"):
        plot.save(figure, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_save_names_the_endings_it_knows(tmp_path):
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.pdf"):
        plot.save(plot.loss_curves({"x": HISTORY}), tmp_path / "a.bmp")


def test_a_notebook_shows_the_figure():
    assert plot.loss_curves({"x": HISTORY})._repr_png_().startswith(b"\x89PNG")


def test_the_users_settings_stay_and_do_not_matter():
    with matplotlib.rc_context({"font.size": 30, "axes.titlesize": 40}):
        before = dict(matplotlib.rcParams)
        figure = plot.loss_curves({"x": HISTORY})
        assert dict(matplotlib.rcParams) == before
    assert figure.axes[0].title.get_fontsize() == plot.STYLE["axes.titlesize"]


def test_without_matplotlib_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        plot.loss_curves({"x": HISTORY})


def test_matplotlib_is_imported_late_and_pyplot_never():
    code = (
        "import sys, minibert.plot as plot\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plot.loss_curves({'x': [{'step': 1, 'loss': 2.0}]})._repr_png_()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    root = str(Path(minibert.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": root})
