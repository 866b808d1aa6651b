hp_unit(kernels)
hp_unit(backend)
