list(APPEND sources
)
