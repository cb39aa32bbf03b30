"""Tables whose every entry is enclosed: functions carried through a chain with a proved error."""
