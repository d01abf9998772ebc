"""What the server tells those who run it: metrics, traces, logs. Never what is asked, answered or printed anywhere."""
