foreach(name markup scale page)
  hp_unit(${name})
endforeach()

# Pages in a real browser.
if(HEADPRUNE_BROWSER)
  find_program(HEADPRUNE_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
  add_test(NAME pictures
    COMMAND ${HEADPRUNE_PYTHON} tests/pictures/pages.py
      $<TARGET_FILE:headprune>
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endif()
