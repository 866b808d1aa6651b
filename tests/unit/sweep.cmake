hp_unit(statistics)
hp_unit(sweep_summary)
hp_unit(sweep_document)
