hp_unit(sha256)
hp_unit(arena)
hp_unit(buffer)
hp_unit(error)
