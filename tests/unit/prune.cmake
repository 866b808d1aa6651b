# Tiny checkpoints for tests: target_link_libraries(test_X PRIVATE fixture).
add_library(fixture STATIC support/fixture.c support/job.c)
set_target_properties(fixture PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
target_compile_definitions(fixture PRIVATE _POSIX_C_SOURCE=200809L)
target_include_directories(fixture PUBLIC support)
target_link_libraries(fixture PRIVATE libheadprune PkgConfig::CMOCKA
  headprune_build_flags)

foreach(name hashing rewrite rewrite_paths rewrite_faults zeroed document document_read
    thumbnails)
  hp_unit(${name})
  target_link_libraries(test_${name} PRIVATE fixture)
endforeach()

foreach(name forms remove undo)
  hp_unit(${name})
  target_sources(test_${name} PRIVATE support/states.c)
  target_link_libraries(test_${name} PRIVATE edit)
endforeach()

hp_unit(config_patch)
hp_unit(diff)
target_link_libraries(test_diff PRIVATE edit)

hp_unit(round)
target_link_libraries(test_round PRIVATE fixture)
