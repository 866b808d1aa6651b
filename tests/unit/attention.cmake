hp_unit(attention)
target_link_libraries(test_attention PRIVATE fixture)
hp_unit(gate)
