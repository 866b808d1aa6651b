add_library(reference STATIC support/reference.c)
set_target_properties(reference PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
target_include_directories(reference PUBLIC support ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(reference PUBLIC libheadprune
  PRIVATE PkgConfig::CMOCKA headprune_build_flags)

hp_unit(stats)
target_link_libraries(test_stats PRIVATE reference edit)

hp_unit(refit)
target_link_libraries(test_refit PRIVATE reference edit)

hp_unit(redundancy)
target_link_libraries(test_redundancy PRIVATE reference edit)
