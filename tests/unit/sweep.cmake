hp_unit(statistics)
hp_unit(sweep_summary)
