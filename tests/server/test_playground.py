"""The playground in a real browser, headless."""

import json
import math
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright import sync_api
from tfx_lm.exported.detokenize import readable_text
from tfx_lm.exported.token_identity import FILE
from tfx_lm.exported.words_of_pieces import word_lengths

pytestmark = pytest.mark.slow
sync_api.expect.set_options(timeout=30_000)


@pytest.fixture
def page(chromium, server):
    page = chromium.new_page()
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    # It loads nothing from other servers.
    own = (server.url, "data:")
    page.on("request", lambda request: request.url.startswith(own) or page.problems.append(request.url))
    page.goto(server.url)
    yield page
    # The page may still ask: what answers in the server's place would fail in the next test.
    page.unroute_all(behavior="ignoreErrors")
    page.close()


def expect_words(page, *expected):
    """Waits until the page shows these words, each with its bits."""
    sync_api.expect(page.locator("#words li")).to_have_text([word + bits for word, bits in expected])


def test_a_text_is_scored_and_continued(page):
    page.fill("#text", "the cat dog")
    # the 1/2, cat 1/2, dog (unknown) 1/8 after cat, end 1/2.
    expect_words(page, ("the", "1.0"), ("cat", "1.0"), ("dog", "3.0"), ("⏎", "1.0"))
    assert [item.get_attribute("class") or "" for item in page.locator("#words li").all()] == ["", "", "unknown", ""]
    assert page.inner_text("#perplexity") == f"{2 ** (6 / 4):.3f}"
    assert page.inner_text("#tokens") == "4"
    rows = [row.inner_text().split() for row in page.locator("#candidates tr").all()]
    assert sorted(rows) == [["cat", "12.50", "%"], ["the", "12.50", "%"]]
    assert page.inner_text("#version") == "version 7"
    assert page.problems == []


def test_a_candidate_continues_the_text(page):
    page.fill("#text", "the")
    expect_words(page, ("the", "1.0"), ("⏎", "3.0"))
    page.locator("#candidates button", has_text="cat").click()
    expect_words(page, ("the", "1.0"), ("cat", "1.0"), ("⏎", "1.0"))
    assert page.input_value("#text") == "the cat"
    assert page.problems == []


def test_an_empty_text_has_an_end_and_candidates(page):
    page.fill("#text", "")
    expect_words(page, ("⏎", "3.0"))
    sync_api.expect(page.locator("#candidates tr")).to_have_count(2)


def tell_tokens(page, **tokens):
    """Makes the server say that the model reads text in these tokens."""

    def answer(route):
        response = route.fetch()
        metadata = response.json()
        metadata["metadata"]["tokens"] = tokens
        route.fulfill(response=response, json=metadata)

    page.route("**/metadata", answer)


def test_pieces_of_words_are_shown_as_words(page):
    tell_tokens(page, tokenizer="word", kind="subwords")
    pieces = ["\u2581the", "\u2581cat", "s", ",", "\u2581", "<0xC3>", "<0xB1>", "'", "s", "\u732b", "</s>"]

    def answer(route):
        if "next_word" in route.request.post_data:
            outputs = {"words": [["cats", ""]], "log_probabilities": [[-math.log(2), None]]}
        else:
            bits = [[-math.log(2)] * len(pieces)]
            outputs = {"words": [pieces], "ids": [[9] * len(pieces)], "mask": [[1.0] * len(pieces)],
                       "log_probabilities": bits, "truncated_tokens": [0]}  # fmt: skip
        route.fulfill(json={"outputs": outputs})

    page.route("**/*:predict", answer)
    page.fill("#text", "the cats, \u00f1's\u732b")
    words = [("the", "1.0"), ("cats", "2.0"), (",", "1.0"), ("\u00f1's", "5.0"), ("\u732b", "1.0"), ("\u23ce", "1.0")]
    expect_words(page, *words)
    assert page.inner_text("#tokens") == "11"
    assert page.locator("#candidates button").all_inner_texts() == ["cats"]
    assert page.problems == []


def test_pieces_are_grouped_as_python_groups_them(page):
    rows = [
        '▁" we ll - kn own ▁( qu ote ) " ▁日 本 </s>', "▁‘ tis ▁cat s ’ s ▁cat s ’ - </s>", "▁don 't ▁ ▁ 漢字 ー </s>",
        "▁a <0xE2> <0x80> <0x94> b", "▁ <0xE2> <0x9D> <0xA4> <0xEF> <0xB8> <0x8F> a", "▁( <0xC3> </s>", "<0x61> s",
        "▁< un k> ▁x <s> <0xE2> <0x96> <0x81> ▁👩 \u200d 👩 a \u0301", "",
    ]  # fmt: skip
    rows = [row.split() for row in rows]
    found = page.evaluate("rows => rows.map(wordBegins)", rows)
    for row, begins in zip(rows, found, strict=True):
        lengths = word_lengths([piece.encode() for piece in row])
        expected = [place for length in lengths for place in [True] + [False] * (length - 1)]
        assert begins == expected, row


def test_what_is_no_number_is_shown_as_such(page):
    """A model whose weights have become NaN must not look like a perfect one."""

    def answer(route):
        words, nulls = ["the", "</s>"], [[None, None]]
        outputs = {"words": [words], "ids": [[9, 3]], "mask": [[1.0, 1.0]], "log_probabilities": nulls}
        route.fulfill(json={"outputs": {**outputs, "truncated_tokens": [0]}})

    page.route("**/*:predict", answer)
    page.fill("#text", "the")
    expect_words(page, ("the", "NaN"), ("\u23ce", "NaN"))
    assert page.inner_text("#perplexity") == page.inner_text("#log-probability") == "NaN"
    assert page.locator("#candidates td", has_text="%").all_inner_texts() == ["NaN %"] * 2
    assert page.problems == []


def test_a_model_of_words_whose_text_holds_the_mark_of_pieces(page):
    words = ["\u2581", "the", "cat", "</s>"]

    def answer(route):
        bits = [-math.log(2)] * len(words)
        ids, mask = [[9] * len(words)], [[1.0] * len(words)]
        shown = ["cats", ""] if "next_word" in route.request.post_data else words
        outputs = {"words": [shown], "ids": ids, "mask": mask, "log_probabilities": [bits], "truncated_tokens": [0]}
        route.fulfill(json={"outputs": outputs})

    page.route("**/*:predict", answer)
    page.fill("#text", "\u2581 the cat")
    expect_words(page, ("\u2581", "1.0"), ("the", "1.0"), ("cat", "1.0"), ("\u23ce", "1.0"))
    assert page.problems == []


@pytest.mark.parametrize(("tokenizer", "kind"), [("word", "words"), ("whitespace", "words"), ("word", "subwords")])
def test_a_word_is_joined_as_completions_join_it(page, tokenizer, kind):
    texts = ["", "the cat", "so ", "a (", 'he said "', 'he said "no"', "\u65e5\u672c", "\u30e9\u30fc", "\u0e01"]
    texts += ["well-", "$", "\u3002", "cat\u2581"]
    texts += ["ＮＨＫ", "２", "「", "ｱ", "한", "⼀", "・"]
    words = ["cat", ",", "(", ")", '"', "'s", "-", "本", "。", "ー", "ข", "！", "…", "5", "▁"]
    words += ["Ａ", "３", "」", "ｲ", "ﾞ", "｡", "국", "\U00031350"]
    expected = [readable_text(text, [word], tokenizer) for text in texts for word in words]
    pairs = [[text, word] for text in texts for word in words]
    tokens = {"tokenizer": tokenizer, "kind": kind}
    found = page.evaluate("([pairs, tokens]) => pairs.map(pair => joined(...pair, tokens))", [pairs, tokens])
    assert found == expected


def test_a_candidate_of_punctuation_is_attached(page):
    tell_tokens(page, tokenizer="word", kind="words")

    def answer(route):
        response = route.fetch()
        route.fulfill(response=response, body=response.text().replace('"cat"', '","'))

    page.route("**/*:predict", answer)
    page.fill("#text", "the")
    # The candidates before are those of an empty text, shown as the server told at first.
    expect_words(page, ("the", "1.0"), ("⏎", "3.0"))
    page.locator("#candidates button", has_text=",").click()
    assert page.input_value("#text") == "the,"


def test_text_is_text_and_never_html(page):
    page.fill("#text", "<img src=x onerror=alert(1)>")
    expect_words(page, ("<img", "3.0"), ("src=x", "2.0"), ("onerror=alert(1)>", "2.0"), ("⏎", "1.0"))
    assert page.locator("img").count() == 0
    assert page.problems == []


def test_the_words_of_a_model_are_text_and_never_html(page):
    words = ["<script>document.title='attacked'</script>", "<img/src=x/onerror=alert(1)>"]

    def answer(route):
        response = route.fetch()
        route.fulfill(response=response, body=response.text().replace('"cat"', json.dumps(words[0]))
                      .replace('"the"', json.dumps(words[1])))  # fmt: skip

    page.route("**/*:predict", answer)
    page.fill("#text", "the cat")
    expect_words(page, (words[1], "1.0"), (words[0], "1.0"), ("⏎", "1.0"))
    assert sorted(page.locator("#candidates button").all_inner_texts()) == sorted(words)
    assert page.title() == "model – tfx-lm"
    assert page.locator("img").count() == 0
    assert page.problems == []


def test_what_is_slipped_into_the_page_does_nothing(page):
    page.evaluate(
        """() => {
             const script = document.createElement("script"), style = document.createElement("style");
             script.textContent = "document.title = 'attacked'";
             style.textContent = "body { display: none }";
             document.body.append(script, style);
           }"""
    )
    assert page.title() == "model – tfx-lm"
    assert page.evaluate("getComputedStyle(document.body).display") == "block"
    assert len(page.problems) == 2
    assert all("Content Security Policy" in problem for problem in page.problems)


def test_the_page_can_stand_in_no_frame_and_answers_are_no_pages(server):
    with urllib.request.urlopen(server.url, timeout=60) as answer:
        assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.url}/<script>", timeout=60)
    with caught.value as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"] == "application/json"


def test_a_refusal_is_shown_and_the_page_goes_on(page):
    page.fill("#text", "the " * 5000)
    sync_api.expect(page.locator("#error")).to_contain_text("a text of 5000 tokens: at most 4096; split it")
    page.fill("#text", "the cat")
    expect_words(page, ("the", "1.0"), ("cat", "1.0"), ("⏎", "1.0"))
    sync_api.expect(page.locator("#error")).to_be_empty()


def test_of_many_keystrokes_the_last_counts(page):
    page.fill("#text", "")
    page.locator("#text").press_sequentially("the cat the cat", delay=20)
    expect_words(page, ("the", "1.0"), ("cat", "1.0"), ("the", "2.0"), ("cat", "1.0"), ("⏎", "1.0"))


def without_context(route):
    """Answers with the server's metadata, but for the signatures that read a context."""
    response = route.fetch()
    metadata = response.json()
    definitions = metadata["metadata"]["signature_def"]["signature_def"]
    for name in ("score_in_context", "next_word_in_context"):
        del definitions[name]
    route.fulfill(response=response, json=metadata)


def test_a_context_is_asked_for_if_the_model_reads_one(page, chromium, start_server, save_table_model, bigram_table):
    sync_api.expect(page.locator("#version")).to_have_text("version 7")
    assert page.locator("#context").is_hidden()
    server = start_server(save_table_model(*bigram_table, context_tokens=3))
    in_document, asked = chromium.new_page(), []
    in_document.on(
        "request", lambda request: asked.append(json.loads(request.post_data)) if request.post_data else None
    )
    in_document.goto(server.url)
    in_document.fill("#text", "the cat dog")
    cells = in_document.locator("#candidates td", has_text="%")
    sync_api.expect(cells).to_have_text(["12.50 %"] * 2)
    asked.clear()
    in_document.fill("#context", "one line\n")
    # Each word of the context adds one to the table model's log-probabilities.
    sync_api.expect(cells).to_have_text([f"{12.5 * math.e**2:.2f} %"] * 2)
    given = {"text": ["the cat dog"], "context": ["one line\n"]}
    assert sorted(asked, key=lambda body: body["signature_name"]) == [
        {"signature_name": "next_word_in_context", "inputs": {**given, "k": 10}},
        {"signature_name": "score_in_context", "inputs": given},
    ]
    # The next version reads none.
    in_document.route("**/metadata", without_context)
    in_document.fill("#text", "the cat dog ")
    sync_api.expect(cells).to_have_text(["12.50 %"] * 2)
    assert in_document.locator("#context").is_hidden()
    sync_api.expect(in_document.locator("#error")).to_be_empty()
    in_document.close()


def test_a_byte_models_candidates_are_characters(chromium, start_server, save_table_model, bigram_table):
    model = save_table_model(["<0x61>", "<0xC3>"], bigram_table[1])
    (Path(model) / FILE).parent.mkdir()
    (Path(model) / FILE).write_text(json.dumps({"tokenizer": "byte", "lowercase": False}))
    server = start_server(model)
    page = chromium.new_page()
    page.goto(server.url)
    page.fill("#text", "b")
    sync_api.expect(page.locator("#words li")).to_have_count(2)
    sync_api.expect(page.locator("#candidates button")).to_have_count(2)
    assert page.locator("#candidates button", has_text="<0xC3>").is_disabled()
    page.locator("#candidates button", has_text="<0x61>").click()
    assert page.input_value("#text") == "ba"
    page.close()
