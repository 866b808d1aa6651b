hp_unit(kernels)
hp_unit(backend)
hp_unit(golden)
