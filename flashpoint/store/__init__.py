"""Everything that speaks SQL. Each read takes the reader, each write the write session, as a required argument."""
