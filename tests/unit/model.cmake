# Head tables for tests without a model.
add_library(head_table STATIC support/head_table.c)
set_target_properties(head_table PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
target_include_directories(head_table PUBLIC support)
target_link_libraries(head_table PRIVATE libheadprune headprune_build_flags)

hp_unit(heads)
target_link_libraries(test_heads PRIVATE head_table)

hp_unit(plan)
target_link_libraries(test_plan PRIVATE head_table)
