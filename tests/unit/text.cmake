hp_unit(tokenizer)
target_sources(test_tokenizer PRIVATE support/cases.c)
hp_unit(calibration)
target_link_libraries(test_calibration PRIVATE fixture)
