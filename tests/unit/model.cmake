# Head tables for tests without a model.
add_library(head_table STATIC support/head_table.c)
set_target_properties(head_table PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
target_include_directories(head_table PUBLIC support)
target_link_libraries(head_table PRIVATE libheadprune headprune_build_flags)

# Checkpoints with something wrong.
add_library(edit STATIC support/edit.c)
set_target_properties(edit PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
target_include_directories(edit PUBLIC support)
target_link_libraries(edit PUBLIC fixture libheadprune
  PRIVATE PkgConfig::CMOCKA headprune_build_flags)

foreach(test heads plan)
  hp_unit(${test})
  target_link_libraries(test_${test} PRIVATE head_table)
endforeach()
foreach(test bind config cost detect encoders llama model plan_model score score_order t5)
  hp_unit(${test})
  target_link_libraries(test_${test} PRIVATE edit)
endforeach()
