"""The sample programs of two articles on TinyBERT, as printed, run against minibert.

The classes that they import are in no release of transformers. Four things are changed, and each
replacement has to find its place: what is imported from, the checkpoint's name (a folder made
here), `return_tensors="np"`, and in the first program the placeholder `...` in the list of texts.
"""

import numpy as np
import pytest
from model.small import random_params, uniform

from minibert import BertForSequenceClassification, BertTokenizer
from minibert import kernels as F
from minibert.text import train_vocab

pytestmark = pytest.mark.quick

FIRST = """
from transformers import TinyBERTForSequenceClassification, TinyBERTTokenizer

# 加载预训练的TinyBERT模型和分词器
model = TinyBERTForSequenceClassification.from_pretrained('tianhongshu/tinybert-base-chinese')
tokenizer = TinyBERTTokenizer.from_pretrained('tianhongshu/tinybert-base-chinese')

# 加载测试数据
test_data = [
    "今天天气真好，适合户外活动。",
    "昨天天气不好，不适合户外活动。",
    ...
]

# 编码数据
inputs = tokenizer(test_data, padding=True, truncation=True, return_tensors='pt')

# 预测
outputs = model(**inputs)

# 获取预测结果
predictions = outputs.logits.argmax(-1)

# 打印预测结果
for i, prediction in enumerate(predictions):
    print(f"文本：{test_data[i]}")
    print(f"预测类别：{prediction.item()}")
"""

SECOND = """
from transformers import TinyBertForSequenceClassification, BertTokenizer

# 加载模型和分词器
model = TinyBertForSequenceClassification.from_pretrained('tinybert-base-32')
tokenizer = BertTokenizer.from_pretrained('tinybert-base-32')

# 分词
inputs = tokenizer("This is an example sentence.", return_tensors="pt")
input_ids = inputs["input_ids"]

# 前向传播
outputs = model(**inputs)

# 获取预测结果
predictions = outputs["logits"]
"""

IMPORT = ("from transformers import", "from minibert import")
FIRST_NAME = "'tianhongshu/tinybert-base-chinese'"
SECOND_NAME = "'tinybert-base-32'"
PLACEHOLDER = ("    ...\n", "")
TEXTS = ["今天天气真好，适合户外活动。", "昨天天气不好，不适合户外活动。"]


def changed(program, *replacements):
    for old, new in replacements:
        assert old in program, f"{old!r} is not in the program"
        program = program.replace(old, new)
    return program


def run(program):
    names = {}
    exec(compile(program, "program", "exec"), names)
    return names


@pytest.fixture(params=["float", "int8"])
def checkpoint(request, tmp_path):
    """A classifier with three classes and few positions, as Python source of its path."""
    tokens = train_vocab([*TEXTS, "this is an example sentence."] * 2, 80)
    config = uniform(vocab=len(tokens), positions=12)
    params = random_params(config, "classification", dtype=np.float32)
    model = BertForSequenceClassification(config, params, tokenizer=BertTokenizer(tokens))
    if request.param == "int8":
        with pytest.warns(UserWarning, match="int8"):
            model.quantize().save_pretrained(tmp_path)
    else:
        model.save_pretrained(tmp_path)
    with F.use("numpy"):
        yield repr(str(tmp_path))


def test_the_first_articles_program(checkpoint, capsys):
    names = run(changed(FIRST, IMPORT, (FIRST_NAME, checkpoint), ("'pt'", "'np'"), PLACEHOLDER))
    assert names["test_data"] == TEXTS
    assert names["inputs"]["input_ids"].shape == (2, 12), "padded and cut to the positions"
    assert names["inputs"]["input_ids"].dtype == np.int64
    model, inputs = names["model"], names["inputs"]
    expected = []
    for row in range(2):  # each text on its own
        one = {name: array[row : row + 1] for name, array in inputs.items()}
        expected.append(int(np.argmax(model(**one).logits[0])))
    assert names["predictions"].tolist() == expected
    assert capsys.readouterr().out == "".join(
        f"文本：{text}\n预测类别：{label}\n" for text, label in zip(TEXTS, expected, strict=True))


def test_with_its_placeholder_left_in(checkpoint):
    with pytest.raises(TypeError, match=r"the text at index 2 is Ellipsis \(ellipsis\)"):
        run(changed(FIRST, IMPORT, (FIRST_NAME, checkpoint), ("'pt'", "'np'")))


@pytest.mark.parametrize(("program", "name", "tensors"), [
    (changed(FIRST, PLACEHOLDER), FIRST_NAME, "'pt'"), (SECOND, SECOND_NAME, '"pt"'),
], ids=["first", "second"])
def test_what_was_not_changed_is_said(checkpoint, program, name, tensors):
    with pytest.raises(FileNotFoundError, match=f"{name[1:-1]} is no folder .* nothing is downl"):
        run(changed(program, IMPORT, (tensors, "'np'")))
    with pytest.raises(ValueError, match="minibert computes in NumPy"):
        run(changed(program, IMPORT, (name, checkpoint)))


def test_the_second_articles_program(checkpoint):
    names = run(changed(SECOND, IMPORT, (SECOND_NAME, checkpoint), ('"pt"', '"np"')))
    tokens = ["[CLS]", "this", "is", "an", "example", "sentence", ".", "[SEP]"]
    assert names["tokenizer"].convert_ids_to_tokens(names["input_ids"][0]) == tokens
    assert names["predictions"].shape == (1, 3)
    assert names["predictions"] is names["outputs"].logits
    assert np.isfinite(names["predictions"]).all()
