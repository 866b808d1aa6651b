hp_unit(eval)
target_link_libraries(test_eval PRIVATE fixture)
hp_unit(eval_document)
