"""Dates as the designs show them: 14 March 2026, 17:00."""

DATE_FORMAT = "j F Y"
# The month in small letters, as Dutch writes it.
SHORT_DATE_FORMAT = "j b Y"
DATETIME_FORMAT = "j F Y, H:i"
TIME_FORMAT = "H:i"
