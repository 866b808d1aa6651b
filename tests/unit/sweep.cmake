hp_unit(statistics)
