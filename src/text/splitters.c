/* Which stages the components of tokenizer.json's "pre_tokenizer" stand for. */
#include "text/splitters.h"
#include "text/characters.h"
#include "text/split_stages.h"
#include "text/unicode.h"

#include <string.h>

#define GPT2_WORDS                                                             \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"        \
    "|\\s+(?!\\S)|\\s+"

static hp_status add_stage(hp__splitters *out, hp__splitter stage,
                           hp_error *err)
{
    if (out->n == HP__SPLITTERS_MOST) {
        hp__regex_free(stage.regex);
        return hp_fail(err, HP_UNSUPPORTED,
                       "more than %d pre-tokenizers in a tokenizer",
                       HP__SPLITTERS_MOST);
    }
    out->items[out->n++] = stage;
    return HP_OK;
}

static hp_status add_regex(hp__splitters *out, const char *pattern, int literal,
                           hp__splitter stage, hp_error *err)
{
    stage.run = hp__stage_cut;
    hp_status st = hp__regex_open(&stage.regex, pattern, literal, err);
    return st ? st : add_stage(out, stage, err);
}

static hp_status add_characters(hp__splitters *out, int (*is)(uint32_t),
                                hp__behavior behavior, hp_error *err)
{
    return add_stage(
        out,
        (hp__splitter){.run = hp__stage_cut, .is = is, .behavior = behavior},
        err);
}

hp_status hp__splitters_byte_level(hp__splitters *out, int add_prefix_space,
                                   int use_regex, hp_error *err)
{
    hp_status st = HP_OK;
    if (add_prefix_space)
        st = add_stage(out, (hp__splitter){.run = hp__stage_prefix_space}, err);
    if (!st && use_regex)
        st = add_regex(out, GPT2_WORDS, 0,
                       (hp__splitter){.behavior = HP__ISOLATED}, err);
    if (!st)
        st = add_stage(out, (hp__splitter){.run = hp__stage_bytes}, err);
    /* A pair of letters across a cut would not be merged. */
    out->whole |= !use_regex;
    out->cuts |= use_regex;
    out->tight = 1;
    out->bytes = 1;
    return st;
}

hp_status hp__splitters_whitespace(hp__splitters *out, hp_error *err)
{
    out->cuts = 1;
    return add_characters(out, hp__unicode_is_space, HP__REMOVED, err);
}

hp_status hp__splitters_bert(hp__splitters *out, hp_error *err)
{
    hp_status st = hp__splitters_whitespace(out, err);
    return st ? st
              : add_characters(out, hp__unicode_is_punctuation, HP__ISOLATED,
                               err);
}

hp_status hp__splitters_metaspace(hp__splitters *out, const char *mark,
                                  hp__prepending prepending, int cut,
                                  hp_error *err)
{
    hp__splitter stage = {.run = hp__stage_metaspace,
                          .behavior =
                              cut ? HP__MERGED_WITH_NEXT : HP__CONTIGUOUS,
                          .prepending = prepending};
    hp_status st = hp__arena_strdup(&stage.mark, out->arena, mark, err);
    int usual = strcmp(mark, HP__WORD_MARK) == 0;
    out->cuts |= cut;
    out->marks |= !cut && usual;
    out->whole |= !cut && !usual;
    return st ? st : add_stage(out, stage, err);
}

hp_status hp__splitters_words(hp__splitters *out, hp_error *err)
{
    out->words = 1;
    return add_stage(
        out, (hp__splitter){.run = hp__stage_words, .mark = HP__WORD_MARK},
        err);
}

/* ---- tokenizer.json ---- */

static hp_status read_behavior(hp__behavior *out, const hp__node *node,
                               hp_error *err)
{
    static const char *const names[] = {
        [HP__REMOVED] = "Removed",
        [HP__ISOLATED] = "Isolated",
        [HP__MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
        [HP__MERGED_WITH_NEXT] = "MergedWithNext",
        [HP__CONTIGUOUS] = "Contiguous",
    };
    const char *name = names[*out];
    hp_status st = hp__node_find_string(&name, node, "behavior", err);
    if (st)
        return st;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (hp__behavior)i;
            return HP_OK;
        }
    return hp_fail(err, HP_UNSUPPORTED,
                   "pre-tokenizer behavior '%s' is not supported", name);
}

static hp_status read_byte_level(hp__splitters *out, const hp__node *node,
                                 hp_error *err)
{
    int prefix = 1, regex = 1;
    hp_status st = hp__node_find_bool(&prefix, node, "add_prefix_space", err);
    if (!st)
        st = hp__node_find_bool(&regex, node, "use_regex", err);
    return st ? st : hp__splitters_byte_level(out, prefix, regex, err);
}

static hp_status read_bert(hp__splitters *out, const hp__node *node,
                           hp_error *err)
{
    (void)node;
    return hp__splitters_bert(out, err);
}

static hp_status read_split(hp__splitters *out, const hp__node *node,
                            hp_error *err)
{
    hp__splitter stage = {.behavior = HP__ISOLATED};
    const hp__node *pattern = hp__node_find(node, "pattern");
    const char *regex = hp__node_string(hp__node_find(pattern, "Regex"));
    const char *text = hp__node_string(hp__node_find(pattern, "String"));
    if (!regex == !text)
        return hp_fail(err, HP_FORMAT,
                       "pre-tokenizer Split: 'pattern' is neither {\"Regex\": "
                       "...} nor {\"String\": ...}");
    hp_status st = read_behavior(&stage.behavior, node, err);
    if (!st)
        st = hp__node_find_bool(&stage.invert, node, "invert", err);
    out->whole = 1;
    return st ? st
              : add_regex(out, regex ? regex : text, regex == NULL, stage, err);
}

static hp_status read_digits(hp__splitters *out, const hp__node *node,
                             hp_error *err)
{
    int individual = 0;
    hp_status st =
        hp__node_find_bool(&individual, node, "individual_digits", err);
    return st ? st
              : add_characters(out, hp__unicode_is_number,
                               individual ? HP__ISOLATED : HP__CONTIGUOUS, err);
}

static hp_status read_punctuation(hp__splitters *out, const hp__node *node,
                                  hp_error *err)
{
    hp__behavior behavior = HP__ISOLATED;
    hp_status st = read_behavior(&behavior, node, err);
    return st ? st
              : add_characters(out, hp__unicode_is_punctuation, behavior, err);
}

static hp_status read_whitespace_split(hp__splitters *out, const hp__node *node,
                                       hp_error *err)
{
    (void)node;
    return hp__splitters_whitespace(out, err);
}

/* \w+|[^\w\s]+ */
static hp_status read_whitespace(hp__splitters *out, const hp__node *node,
                                 hp_error *err)
{
    (void)node;
    hp_status st = hp__splitters_whitespace(out, err);
    return st ? st
              : add_characters(out, hp__unicode_is_alphabetic, HP__CONTIGUOUS,
                               err);
}

static hp_status read_delimiter(hp__splitters *out, const hp__node *node,
                                hp_error *err)
{
    const char *text = NULL;
    hp__splitter stage = {.behavior = HP__REMOVED};
    hp_status st = hp__node_get_string(&text, node, "delimiter", err);
    out->whole = 1;
    return st ? st : add_regex(out, text, 1, stage, err);
}

/* "add_prefix_space" is what older files say in place of "prepend_scheme". */
static hp_status read_metaspace(hp__splitters *out, const hp__node *node,
                                hp_error *err)
{
    static const char *const schemes[] = {
        [HP__PREPEND_ALWAYS] = "always",
        [HP__PREPEND_FIRST] = "first",
        [HP__PREPEND_NEVER] = "never",
    };
    const char *mark = HP__WORD_MARK, *scheme = NULL;
    int prefix = 1, cut = 1;
    size_t i = 0, end = 0;
    hp_status st = hp__node_get_string(&mark, node, "replacement", err);
    if (!st)
        st = hp__node_find_bool(&prefix, node, "add_prefix_space", err);
    if (!st)
        st = hp__node_find_bool(&cut, node, "split", err);
    if (!st)
        st = hp__node_find_string(&scheme, node, "prepend_scheme", err);
    if (st)
        return st;
    if (!*mark || (hp__utf8_next(mark, &end), mark[end]))
        return hp_fail(err, HP_FORMAT,
                       "pre-tokenizer Metaspace: 'replacement' is not one "
                       "character");
    if (!scheme)
        scheme = schemes[prefix ? HP__PREPEND_ALWAYS : HP__PREPEND_NEVER];
    while (i <= HP__PREPEND_NEVER && strcmp(scheme, schemes[i]) != 0)
        i++;
    if (i > HP__PREPEND_NEVER)
        return hp_fail(err, HP_UNSUPPORTED,
                       "pre-tokenizer Metaspace: prepend_scheme '%.40s' is "
                       "not supported",
                       scheme);
    return hp__splitters_metaspace(out, mark, (hp__prepending)i, cut, err);
}

static hp_status read_sequence(hp__splitters *out, const hp__node *node,
                               hp_error *err)
{
    const hp__node *list = hp__node_find(node, "pretokenizers");
    if (!list || hp__node_kind(list) != HP__ARRAY)
        return hp_fail(err, HP_FORMAT,
                       "pre-tokenizer Sequence: 'pretokenizers' is not a list");
    hp_status st = HP_OK;
    for (const hp__node *c = hp__node_first(list); c && !st;
         c = hp__node_next(c))
        st = hp__splitters_read(out, c, err);
    return st;
}

static const struct {
    const char *type;
    hp_status (*read)(hp__splitters *out, const hp__node *node, hp_error *err);
} kinds[] = {
    {"Sequence", read_sequence},
    {"ByteLevel", read_byte_level},
    {"BertPreTokenizer", read_bert},
    {"Split", read_split},
    {"Digits", read_digits},
    {"Punctuation", read_punctuation},
    {"WhitespaceSplit", read_whitespace_split},
    {"Whitespace", read_whitespace},
    {"CharDelimiterSplit", read_delimiter},
    {"Metaspace", read_metaspace},
};

hp_status hp__splitters_read(hp__splitters *out, const hp__node *node,
                             hp_error *err)
{
    const char *type = NULL;
    if (!node || hp__node_kind(node) == HP__NULL)
        return HP_OK;
    hp_status st = hp__node_get_string(&type, node, "type", err);
    if (st)
        return st;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(type, kinds[i].type) == 0)
            return kinds[i].read(out, node, err);
    return hp_fail(err, HP_UNSUPPORTED, "pre-tokenizer '%s' is not supported",
                   type);
}

void hp__splitters_clear(hp__splitters *s)
{
    for (size_t i = 0; i < s->n; i++)
        hp__regex_free(s->items[i].regex);
    s->n = 0;
}

void hp__split_clear(hp__split *s)
{
    for (size_t i = 0; i < HP__SPLITTERS_MOST; i++)
        hp__buffer_clear(&s->scratch[i]);
}
