# The program, seen from a shell. Each file of tests/cli is one test; the
# corpus of malformed checkpoints is another.
find_program(HEADPRUNE_BATS bats REQUIRED)
find_program(HEADPRUNE_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
foreach(name usage streams inspect tokens generate prune auto pipeline documents report forecast attention eval sweep
    pairs sweep_samples check diff forms loss_scores refit stats
    redundancy limits)
  add_test(NAME cli.${name}
    COMMAND ${HEADPRUNE_BATS} --print-output-on-failure tests/cli/${name}.bats
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(cli.${name} PROPERTIES
    ENVIRONMENT "HEADPRUNE=$<TARGET_FILE:headprune>")
endforeach()
add_test(NAME hostile
  COMMAND ${HEADPRUNE_PYTHON} tests/hostile/run.py $<TARGET_FILE:headprune>
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
foreach(page README.md docs/guide.md)
  add_test(NAME cli.examples.${page}
    COMMAND ${HEADPRUNE_PYTHON} tests/cli/examples.py
            $<TARGET_FILE:headprune> ${page}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endforeach()
