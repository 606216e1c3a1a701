list(APPEND sources)
