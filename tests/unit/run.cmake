hp_unit(kernels)
hp_unit(kernels_backward)
hp_unit(strips)
target_link_libraries(test_strips PRIVATE fixture)
hp_unit(backend)
hp_unit(batches)
hp_unit(golden)
hp_unit(pairs)

hp_unit(sweep)
target_sources(test_sweep PRIVATE support/plain_forward.c)
target_link_libraries(test_sweep PRIVATE edit)

hp_unit(gradients)
target_sources(test_gradients PRIVATE support/plain_forward.c)
target_link_libraries(test_gradients PRIVATE fixture)

hp_unit(generate)
target_link_libraries(test_generate PRIVATE edit)
