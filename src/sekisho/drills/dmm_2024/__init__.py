"""dmm_2024: the outflow of 4,502.9 BTC from DMM Bitcoin on 2024-05-31, replayed."""
