#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

# documents: entropy.json, magnitude.json, plan.json (of entropy) and
# pruned/headprune.json (of magnitude).
documents() {
    "$HEADPRUNE" -q score entropy --json --data "$TEXT" "$WORDS" >entropy.json
    "$HEADPRUNE" -q score magnitude --json "$WORDS" >magnitude.json
    "$HEADPRUNE" plan entropy.json --ratio 0.5 --json >plan.json
    "$HEADPRUNE" -q magnitude --ratio 0.25 "$WORDS" -o pruned >/dev/null
}

# well_formed FILE...: XML.
well_formed() {
    /usr/bin/python3 -c '
import sys, xml.etree.ElementTree as tree
for name in sys.argv[1:]:
    assert tree.parse(name).getroot().tag == "{http://www.w3.org/2000/svg}svg"
' "$@"
}

@test "documents become one page and its figures" {
    documents
    hp report entropy.json magnitude.json plan.json pruned/headprune.json \
        -o page.html --svg figures
    succeeds
    says "$output" "page.html: 7 figures of 4 documents"
    says "$output" "figures/agreement-1.svg"
    [ "$(find figures -name '*.svg' | wc -l)" -eq 7 ]
    [ "$(grep -c '<figure ' page.html)" -eq 7 ]
    [ "$(grep -c '<table>' page.html)" -eq 7 ]
    says "$(cat page.html)" "entropy: 2 of 4 heads pruned"
    well_formed figures/*.svg
    [ -z "$(find . -name '*.tmp*')" ]
}

@test "a page needs nothing but itself" {
    documents
    "$HEADPRUNE" report entropy.json plan.json -o page.html
    lacks "$(cat page.html)" 'https?://|<link [^>]*href="[^d]|@import|url\(| src='
    [ "$(grep -c '<style>' page.html)" -eq 1 ]
}

@test "the documents stand in the page for programs" {
    documents
    "$HEADPRUNE" report entropy.json plan.json -o page.html
    /usr/bin/python3 -c '
import json, re, sys
page = open("page.html", encoding="utf-8").read()
texts = re.findall(r"<script type=\"application/json\"[^>]*>(.*?)</script>", page, re.S)
assert [json.loads(t) for t in texts] == [json.load(open(n)) for n in sys.argv[1:]]
' entropy.json plan.json
}

@test "the same documents give the same bytes" {
    documents
    "$HEADPRUNE" report entropy.json plan.json -o a.html --svg a
    SOURCE_DATE_EPOCH=99 "$HEADPRUNE" report entropy.json plan.json -o b.html \
        --svg b
    cmp a.html b.html
    diff -r a b
    "$HEADPRUNE" report entropy.json plan.json -o - | cmp - a.html
}

@test "text of documents is never markup" {
    documents
    jq '.model.path = "</title><script>alert(1)</script>"
        | .method.name = "<img src=x onerror=alert(1)>" | .method.unit = "\"&<"
        | .heads |= map(.name = "]]><script>\u0007")' entropy.json >bad.json
    hp report bad.json -o page.html --svg figures
    succeeds
    lacks "$(cat page.html)" '<img|<script>[^
]|<script>alert'
    well_formed figures/*.svg
}

@test "a report of METHOD is drawn with all its scores" {
    documents
    "$HEADPRUNE" report pruned/headprune.json -o page.html
    says "$(cat page.html)" "magnitude: 1 of 4 heads pruned"
    says "$(cat page.html)" "pruned below"
    lacks "$(cat page.html)" 'The document holds no scores|A plan knows'
    "$HEADPRUNE" report plan.json -o - >plan.html
    says "$(cat plan.html)" "A plan knows the scores of pruned heads only"
}

@test "a report of a list has no scores to draw" {
    "$HEADPRUNE" -q apply --heads 0:1 "$WORDS" -o pruned
    "$HEADPRUNE" report pruned/headprune.json -o page.html
    says "$(cat page.html)" "a list of heads: 1 of 4 heads pruned"
}

@test "evaluations are drawn with what they are compared with" {
    "$HEADPRUNE" -q eval "$WORDS" --data "$TEXT" --heads 0:1 \
        --against "$WORDS" --json >eval.json
    hp report eval.json -o page.html --svg figures
    succeeds
    says "$output" "page.html: 1 figure of 1 document"
    says "$(cat page.html)" "Evaluations: perplexity"
    well_formed figures/evaluation-1.svg
}

@test "a sweep is drawn, finished or not" {
    "$HEADPRUNE" -q sweep "$WORDS" --data "$TEXT" --ratios 0.3,0.6 --seeds 2 \
        -o sweep.json >/dev/null
    hp report sweep.json -o page.html --svg figures
    succeeds
    says "$(cat page.html)" "seeds of random choices"
    well_formed figures/sweep-1.svg
    jq '.points = [] | .summary = []' sweep.json >begun.json
    hp report begun.json -o begun.html --svg begun
    succeeds
    well_formed begun/sweep-1.svg
    lacks "$(cat page.html begun.html)" '[ML"> -](nan|inf)'
}

@test "attention of all heads is drawn as thumbnails" {
    "$HEADPRUNE" -q attention "$WORDS" --text 'the cat' -o a.safetensors
    "$HEADPRUNE" -q score magnitude --json "$WORDS" >magnitude.json
    hp report a.safetensors -o page.html --svg figures
    succeeds
    says "$output" "page.html: 1 figure of 1 document"
    says "$(cat page.html)" "<title>Attention heads of a.safetensors</title>"
    lacks "$(cat page.html)" 'application/json'
    [ "$(grep -c '<title>block transformer.h.1.attn head' page.html)" -eq 2 ]
    [ "$(grep -c '^<tr><td>' page.html)" -eq 4 ]
    tokens=$("$HEADPRUNE" attention "$WORDS" --text 'the cat' --json | jq '.ids | length')
    says "$(cat page.html)" "<h2>Attention of all heads on $tokens tokens</h2>"
    well_formed figures/attention-1.svg
    "$HEADPRUNE" report a.safetensors -o - | cmp - page.html
    hp report magnitude.json a.safetensors -o both.html
    succeeds
    says "$output" "both.html: 3 figures of 2 documents"
    says "$(cat both.html)" "Attention heads of ok_gpt2"
}

@test "the table of thumbnails says what attention says" {
    "$HEADPRUNE" -q attention "$ROOT/models/gpt2-novels" --json \
        --text 'It was the best of times, it was the worst of times, it was the age of wisdom' \
        -o a.safetensors >a.json
    "$HEADPRUNE" report a.safetensors -o page.html --svg figures
    [ "$(wc -c <figures/attention-1.svg)" -lt 300000 ]
    /usr/bin/python3 -c '
import json, re
page = open("page.html", encoding="utf-8").read()
rows = re.findall("<tr><td>([^<]+)</td>" + "<td class=\"n\">([^<]+)</td>" * 4, page)
heads = json.load(open("a.json"))["heads"]
assert len(rows) == len(heads) == 48
for (name, *numbers), h in zip(rows, heads):
    assert name == h["name"]
    for got, want in zip(numbers, (h["head"], h["first"], h["previous"], h["own"])):
        assert abs(float(got) - want) < 1e-5 * max(1, want), (h, numbers)
'
}

@test "a safetensors file without attention is refused" {
    head -c 4096 /dev/zero | tr '\0' '{' >garbage.safetensors
    hp report garbage.safetensors -o page.html
    fails 3 "garbage.safetensors: "
    hp report "$WORDS/model.safetensors" -o page.html
    fails 3 "model.safetensors: tensor '"
    says "$stderr" "no attention, which is F32 [heads, tokens, tokens]"
    hp report missing.safetensors -o page.html
    fails 5 "missing.safetensors"
    "$HEADPRUNE" -q attention "$WORDS" --text 'the cat' -o a.safetensors
    hp check "$WORDS" --baseline a.safetensors --max-score-change 1
    fails 2 "neither an evaluation, nor all scores"
    cp a.safetensors before.safetensors
    hp report a.safetensors -o a.safetensors -f
    fails 2 "the page would replace a document"
    cmp a.safetensors before.safetensors
    [ ! -e page.html ]
}

@test "standard input is a document, once" {
    documents
    hp report - -o page.html <entropy.json
    succeeds
    says "$(cat page.html)" "standard input"
    hp report - - -o other.html <entropy.json
    fails 2 "standard input cannot be read more than once"
}

@test "a page replaces nothing without -f, and never a document" {
    documents
    echo mine >page.html
    hp report entropy.json -o page.html
    fails 5 "page.html: exists already (-f replaces it)"
    [ "$(cat page.html)" = mine ]
    hp report entropy.json -o page.html -f
    succeeds
    cp entropy.json before.json
    hp report entropy.json -o ./entropy.json -f
    fails 2 "the page would replace a document that it is made of"
    cmp entropy.json before.json
}

@test "figures replace nothing without -f" {
    documents
    mkdir figures
    echo mine >figures/histogram-1.svg
    hp report entropy.json --svg figures -o page.html
    fails 5 "figures/histogram-1.svg: exists already"
    [ "$(find figures page.html -type f 2>/dev/null)" = figures/histogram-1.svg ]
    hp report entropy.json --svg figures -f
    succeeds
    echo text >plain
    hp report entropy.json --svg plain
    fails 5 "plain: cannot make a folder"
}

@test "what cannot be drawn is refused" {
    documents
    hp report entropy.json
    fails 2 "where shall it go? (give -o PAGE.html or --svg DIR)"
    hp report -o page.html
    fails 2 "'report' needs FILE..."
    hp report pruned -o page.html
    fails 5 "pruned: is a folder (a pruned model's report is the headprune.json in its folder)"
    hp report missing.json -o page.html
    fails 5 "missing.json: "
    "$HEADPRUNE" methods --json >methods.json
    hp report methods.json -o page.html
    fails 3 "methods.json: schema 'headprune.methods/1': there is nothing in it to use"
    echo '{"schema": "headprune.scores/1"}' >cut.json
    hp report entropy.json cut.json -o page.html
    fails 3 "cut.json: "
    jq 'del(.heads[0].score)' entropy.json >cut.json
    hp report cut.json -o page.html
    fails 3 "cut.json: heads[0]: key 'score'"
    jq '.scores[1].score = "x"' pruned/headprune.json >cut.json
    hp report cut.json -o page.html
    fails 3 "cut.json: scores[1]: key 'score'"
    hp report entropy.json -o nowhere/page.html
    fails 5 "nowhere/page.html: cannot write"
    [ ! -e page.html ]
}

@test "-q says the path alone" {
    documents
    hp -q report entropy.json -o page.html
    succeeds
    [ "$output" = page.html ]
    hp -q report entropy.json --svg figures
    [ "$output" = figures ]
}
