hp_unit(tokenizer)
target_sources(test_tokenizer PRIVATE support/cases.c)
