hp_unit(sha256)
